import {
  countTexts,
  equalTexts,
  int32List,
  int64List,
  numberKeys,
  type TextList,
  textList,
} from "../../../checks/facts/typed_rows.ts";
import { assertEquals, assertThrows } from "../../support/assert.ts";

/** Adds a text that has other bytes around it. */
function add(list: TextList, text: string): number {
  const bytes = new TextEncoder().encode(`x${text}y`);
  return list.add(bytes, 1, bytes.length - 1);
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

Deno.test("textList and countTexts tell UUIDs and other texts apart, byte by byte", () => {
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
  const list = textList();
  const places = texts.map((text) => add(list, text));
  assertEquals(places, [...texts.keys()]);
  assertEquals(places.map((place) => list.text(place)), texts);
  assertEquals(countTexts(list, 5), { different: new Set(texts).size, repeated: [] });
  for (const text of texts.toReversed()) add(list, text);
  assertEquals(countTexts(list, 3), {
    different: new Set(texts).size,
    repeated: texts.slice(-3).reverse(),
  });
});

Deno.test("countTexts counts many UUIDs, whether they are random, consecutive or alike", () => {
  const hex = (number: number) => number.toString(16).padStart(8, "0");
  const format = (text: string) =>
    text.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
  const kinds = [
    () => crypto.randomUUID(),
    (i: number) => format(hex(0).repeat(3) + hex(i)),
    (i: number) => format(hex(i) + hex(0).repeat(3)),
    (i: number) => format(hex(i) + hex(7) + hex(7) + hex(i)),
    (i: number) => format(hex(7) + hex(i) + hex(i) + hex(7)),
  ];
  for (const uuid of kinds) {
    const list = textList();
    const uuids = Array.from({ length: 5000 }, (_, i) => uuid(i));
    for (const each of uuids) add(list, each);
    assertEquals(countTexts(list, 5), { different: 5000, repeated: [] });
    for (const i of [4999, 17, 17, 0]) add(list, uuids[i]!);
    const repeated = [uuids[4999]!, uuids[17]!, uuids[0]!];
    assertEquals(countTexts(list, 5), { different: 5000, repeated });
    assertEquals(countTexts(list, 1), { different: 5000, repeated: [uuids[4999]!] });
  }
});

Deno.test("textList refuses bytes that are not UTF-8", () => {
  assertThrows(() => textList().add(Uint8Array.of(0xff), 0, 1), TypeError);
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

Deno.test("equalTexts compares UUIDs and other texts of two lists", () => {
  const uuid = "018f3c5e-9a1b-7c2d-8e3f-0123456789ab";
  const texts = [uuid, uuid.replace("b", "c"), uuid.toUpperCase(), "", "other"];
  const [ours, theirs] = [textList(), textList(4000)];
  add(theirs, "before the others");
  for (const a of texts) {
    for (const b of texts) {
      const [left, right] = [{ ids: ours, id: add(ours, a) }, { ids: theirs, id: add(theirs, b) }];
      assertEquals(equalTexts(left, right), a === b);
    }
  }
});
