import { formatTableName, readTableName } from "../../../pipeline/contract/table_name.ts";
import { assert, assertEquals } from "../../support/assert.ts";
import { outbox } from "../../support/postgres.ts";

const NAMES: readonly [text: string, sql: string][] = [
  ["stop_events", "stop_events"],
  ["Stop_Events", "stop_events"],
  ["shop.events", "shop.events"],
  ['"shop".events', "shop.events"],
  ['"Shop"."Stop Events"', '"Shop"."Stop Events"'],
  ['shop."a ""b"".c"', 'shop."a ""b"".c"'],
  ["user", '"user"'],
  ["Größen", '"größen"'],
  ["a$1", '"a$1"'],
  ['"it\'s"', '"it\'s"'],
];

for (const [text, sql] of NAMES) {
  Deno.test(`readTableName reads ${text}`, () => {
    const name = readTableName(text);
    assert("table" in name, JSON.stringify(name));
    assertEquals(formatTableName(name), sql);
    assertEquals(readTableName(sql), name);
  });
}

const REFUSED: readonly [text: string, problem: string][] = [
  ["", "a part is empty"],
  ["shop.", "a part is empty"],
  [".events", "a part is empty"],
  ['""', "a part is empty"],
  ["a.b.c", "it has more than a schema and a table"],
  ["stop events", "stop events needs double quotes"],
  ["stop-events", "stop-events needs double quotes"],
  ["1st", "1st needs double quotes"],
  ["Ⅷ", "Ⅷ needs double quotes"],
  ["events; DROP TABLE x", "events; DROP TABLE x needs double quotes"],
  ['"events', "its double quotes do not match"],
  ['a"b', "its double quotes do not match"],
  ['"a"b', "its double quotes do not match"],
  ['"a\nb"', "it has a control character"],
  ["x".repeat(64), `${"x".repeat(64)} has 64 bytes, and Postgres allows 63`],
];

for (const [text, problem] of REFUSED) {
  Deno.test(`readTableName refuses ${JSON.stringify(text)}`, () => {
    assertEquals(readTableName(text), { problem });
  });
}

Deno.test("formatTableName quotes each word that Postgres does", async () => {
  await using db = await outbox();
  const words = await db.query(
    "SELECT word, quote_ident(word) AS quoted FROM pg_get_keywords() WHERE catcode <> 'U'",
  );
  assert(words.length > 100);
  for (const { word, quoted } of words) {
    assertEquals(formatTableName({ table: word as string }), quoted);
  }
});
