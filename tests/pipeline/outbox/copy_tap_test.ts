import { Buffer } from "node:buffer";
import { type CopyBlock, type CopyTap, tapSocket } from "../../../pipeline/outbox/copy_tap.ts";
import { assert, assertEquals } from "../../support/assert.ts";
import { int, join, message, payloadOf, utf8 } from "../../support/copy_stream.ts";
import { createRandom, type Random } from "../../chaos/random.ts";

type Listener = (chunk: Uint8Array) => void;

/** A socket that a test writes to, with a driver that records what it receives. */
function scene() {
  let listeners: Listener[] = [];
  const driver: Uint8Array[] = [];
  listeners.push((chunk) => driver.push(chunk.slice()));
  const tap: CopyTap = tapSocket({
    pause() {},
    resume() {},
    listeners: () => [...listeners],
    removeAllListeners() {
      listeners = [];
    },
    on(_, listener) {
      listeners.push(listener);
    },
  });
  const data: Uint8Array[] = [];
  const order: string[] = [];
  return {
    order,
    receive(chunk: Uint8Array) {
      const before = driver.length;
      for (const listener of listeners) listener(Buffer.from(chunk));
      if (driver.length > before) order.push("driver");
    },
    begin() {
      tap.begin({
        allocate: (bytes) => new Uint8Array(bytes),
        take(block: CopyBlock) {
          data.push(...payloadOf(block));
          order.push("data");
        },
      });
    },
    /** All bytes that the driver received. */
    driver: () => join(...driver),
    /** The bodies of all CopyData messages. */
    data: () => data,
  };
}

/** Divides bytes into chunks of random sizes from 1 to `most`. */
function chunks(bytes: Uint8Array, random: Random, most: number): Uint8Array[] {
  const parts: Uint8Array[] = [];
  for (let at = 0; at < bytes.length;) {
    const size = 1 + random.below(most);
    parts.push(bytes.subarray(at, at + size));
    at += size;
  }
  return parts;
}

const READY = message("Z", utf8("I"));
const OUT = message("H", Uint8Array.of(1, 0, 0));
const COMPLETE = message("C", utf8("COPY 3\0"));
const NOTICE = message("N", utf8("SNOTICE\0\0"));
const STATUS = message("S", utf8("TimeZone\0UTC\0"));
const rows = [utf8("first"), new Uint8Array(0), utf8("third".repeat(100))];
const copyData = rows.map((body) => message("d", body));

const CONVERSATION = [
  OUT,
  copyData[0]!,
  NOTICE,
  copyData[1]!,
  STATUS,
  copyData[2]!,
  message("c"),
  COMPLETE,
  READY,
];
const FOR_DRIVER = join(...CONVERSATION.filter((part) => part[0] !== 0x64));

Deno.test("copy_tap: keeps CopyData and forwards every other byte, for chunks of any size", () => {
  const random = createRandom(1);
  for (let round = 0; round < 300; round++) {
    const { receive, begin, driver, data } = scene();
    begin();
    for (const chunk of chunks(join(...CONVERSATION), random, 1 + round)) receive(chunk);
    assertEquals(driver(), FOR_DRIVER);
    assertEquals(data(), rows);
  }
});

Deno.test("copy_tap: takes several copies, and forwards all bytes before, between and after them", () => {
  const random = createRandom(2);
  for (let round = 0; round < 100; round++) {
    const { receive, begin, driver, data } = scene();
    const pass = (bytes: Uint8Array) => {
      for (const chunk of chunks(bytes, random, 40)) receive(chunk);
    };
    pass(join(STATUS, READY));
    begin();
    pass(join(...CONVERSATION));
    pass(join(STATUS, message("D", utf8("a row")), READY));
    begin();
    // A message can follow ReadyForQuery in the same chunk.
    receive(join(...CONVERSATION, NOTICE));
    pass(READY);
    assertEquals(
      driver(),
      join(
        STATUS,
        READY,
        FOR_DRIVER,
        STATUS,
        message("D", utf8("a row")),
        READY,
        FOR_DRIVER,
        NOTICE,
        READY,
      ),
    );
    assertEquals(data(), [...rows, ...rows]);
  }
});

Deno.test("copy_tap: lets the driver finish a message that it received in part before the copy", () => {
  for (let at = 1; at < STATUS.length; at++) {
    const { receive, begin, driver, data } = scene();
    receive(join(READY, STATUS.subarray(0, at)));
    begin();
    receive(join(STATUS.subarray(at), ...CONVERSATION));
    assertEquals(driver(), join(READY, STATUS, FOR_DRIVER));
    assertEquals(data(), rows);
  }
});

Deno.test("copy_tap: delivers the data before an error that follows them", () => {
  const { receive, begin, order } = scene();
  begin();
  receive(join(copyData[0]!, message("E", utf8("SERROR\0\0"))));
  assertEquals(order, ["data", "driver"]);
});

Deno.test("copy_tap: delivers a message that is larger than a block whole", () => {
  const { receive, begin, data } = scene();
  begin();
  const large = new Uint8Array(3 << 20).map((_, i) => i % 251);
  const bytes = join(OUT, message("d", large), copyData[0]!, READY);
  for (let at = 0; at < bytes.length; at += 65_536) receive(bytes.subarray(at, at + 65_536));
  assertEquals(data().map(({ length }) => length), [large.length, rows[0]!.length]);
  assert(data()[0]!.every((byte, i) => byte === i % 251));
});

Deno.test("copy_tap: delivers blocks before the copy ends", () => {
  const { receive, begin, data } = scene();
  begin();
  for (let i = 0; i < 1000; i++) receive(message("d", new Uint8Array(1000)));
  assert(data().length > 500, `${data().length} rows`);
});

Deno.test("copy_tap: forwards everything from a message with an impossible length on", () => {
  for (const length of [-1, 0, 3]) {
    for (const copying of [true, false]) {
      const { receive, begin, driver, data } = scene();
      if (copying) begin();
      const garbage = join(Uint8Array.of(0x64), int(32, length), utf8("garbage"), ...CONVERSATION);
      receive(join(STATUS, garbage));
      receive(copyData[0]!);
      assertEquals(driver(), join(STATUS, garbage, copyData[0]!));
      assertEquals(data(), []);
    }
  }
});
