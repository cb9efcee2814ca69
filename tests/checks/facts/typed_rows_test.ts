import {
  equalTexts,
  int32List,
  int64List,
  numberIntegers,
  numberKeys,
  numberTexts,
  type TextNumbering,
} from "../../../checks/facts/typed_rows.ts";
import { assertEquals, assertThrows } from "../../support/assert.ts";

/** Adds a text that has other bytes around it. */
function add(numbering: TextNumbering, text: string): number {
  const bytes = new TextEncoder().encode(`x${text}y`);
  return numbering.add(bytes, 1, bytes.length - 1);
}

Deno.test("numberKeys gives equal keys equal numbers, and different keys different numbers", () => {
  for (const width of [1, 2, 4]) {
    const numbering = numberKeys(width);
    const expected = new Map<string, number>();
    for (let i = 0; i < 20_000; i++) {
      // Few different words, so that keys share their beginning or their end.
      const key = Uint32Array.from({ length: width }, (_, word) => (i * (word + 7)) % 997);
      if (i % 3 === 0) key.fill(i, 0, 1);
      const number = expected.get(key.join()) ?? expected.size;
      assertEquals(numbering.find(key), expected.get(key.join()));
      expected.set(key.join(), number);
      assertEquals(numbering.add(key), number);
    }
    assertEquals(numbering.size, expected.size);
    for (const [key, number] of expected) assertEquals(numbering.key(number).join(), key);
  }
});

Deno.test("numberTexts tells UUIDs and other texts apart, byte by byte", () => {
  const uuid = "018f3c5e-9a1b-7c2d-8e3f-0123456789ab";
  const texts = [
    uuid,
    uuid.toUpperCase(),
    uuid.replaceAll("-", ""),
    uuid.replace("-", "0"),
    uuid.replace("0", "-"),
    `${uuid} `,
    uuid.slice(1),
    uuid.replace("a", "g"),
    "00000000-0000-0000-0000-000000000000",
    "ffffffff-ffff-ffff-ffff-ffffffffffff",
    "80000000-0000-0000-0000-000000000001",
    "",
    "\ufeff",
    "ünïcödé",
  ];
  for (const text of texts.slice()) {
    if (text === uuid) {
      for (let at = 0; at < 36; at++) {
        if (uuid[at] !== "-") {
          texts.push(`${uuid.slice(0, at)}${uuid[at] === "4" ? 5 : 4}${uuid.slice(at + 1)}`);
        }
      }
    }
  }
  const numbering = numberTexts();
  const numbers = texts.map((text) => add(numbering, text));
  const different = new Set(texts).size;
  assertEquals([numbering.size, new Set(numbers).size], [different, different]);
  assertEquals(texts.map((text) => add(numbering, text)), numbers);
  assertEquals(numbers.map((number) => numbering.text(number)), texts);
});

Deno.test("numberTexts refuses bytes that are not UTF-8", () => {
  assertThrows(() => numberTexts().add(Uint8Array.of(0xff), 0, 1), TypeError);
});

Deno.test("int32List and int64List keep every value", () => {
  const [small, large] = [int32List(), int64List()];
  const values = [-(2 ** 31), -1, 0, 2 ** 31 - 1];
  for (let i = 0; i < 10_000; i++) {
    small.set(i, values[i % 4]!);
    large.set(i, BigInt(values[i % 4]!) * 4_294_967_296n + BigInt(i));
  }
  for (let i = 0; i < 10_000; i++) {
    assertEquals(small.get(i), values[i % 4]!);
    assertEquals(large.get(i), BigInt(values[i % 4]!) * 4_294_967_296n + BigInt(i));
  }
});

Deno.test("equalTexts compares UUIDs and other texts of two numberings", () => {
  const uuid = "018f3c5e-9a1b-7c2d-8e3f-0123456789ab";
  const texts = [uuid, uuid.replace("b", "c"), uuid.toUpperCase(), "", "other"];
  const [ours, theirs] = [numberTexts(), numberTexts(4000)];
  add(theirs, "before the others");
  for (const a of texts) {
    for (const b of texts) {
      const [left, right] = [{ ids: ours, id: add(ours, a) }, { ids: theirs, id: add(theirs, b) }];
      assertEquals(equalTexts(left, right), a === b);
    }
  }
});

Deno.test("numberIntegers gives each integer of 64 bits its own number, with any expected number", () => {
  const integers = [0n, 1n, -1n, 2n ** 32n, 2n ** 63n - 1n, -(2n ** 63n)];
  for (let i = 2n; i < 3000n; i++) integers.push(i, i << 32n);
  for (const expected of [0, 5000, Number.MAX_SAFE_INTEGER]) {
    const numbering = numberIntegers(expected);
    const numbers = integers.map((integer) => numbering.add(integer));
    assertEquals(numbers, [...integers.keys()]);
    assertEquals(integers.map((integer) => numbering.find(integer)), numbers);
    assertEquals([numbering.size, numbering.find(-2n)], [integers.length, undefined]);
  }
});
