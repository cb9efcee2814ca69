import { parseDocuments } from "../../../checks/kubernetes/yaml.ts";
import { assert, assertEquals } from "../../support/assert.ts";

/** The problems of a file, as `line:column problem`. */
function problems(text: string): string[] {
  return parseDocuments(text).problems
    .map(({ line, column, problem }) => `${line}:${column} ${problem}`);
}

/** The content of a file with one document. */
function valueOf(text: string): unknown {
  const { documents, problems } = parseDocuments(text);
  assertEquals(problems, [], text);
  return documents[0]?.value;
}

// The expectations of all tables below were compared with sigs.k8s.io/yaml 1.6, which kubectl uses.

Deno.test("parseDocuments reads plain scalars as kubectl does", () => {
  const cases: readonly (readonly [string, unknown])[] = [
    ["yes", true],
    ["On", true],
    ["y", true],
    ["True", true],
    ["off", false],
    ["N", false],
    ["yEs", "yEs"],
    ["~", null],
    ["null", null],
    ["Null", null],
    ["nULL", "nULL"],
    ["nil", "nil"],
    ["0123", 83],
    ["0644", 420],
    ["0o17", 15],
    ["-0o17", -15],
    ["0o8", "0o8"],
    ["0x1F", 31],
    ["+0x1f", 31],
    ["0x", "0x"],
    ["0b11", 3],
    ["0b2", "0b2"],
    ["1_000", 1000],
    ["_7", "_7"],
    ["08", 8],
    ["09.5", 9.5],
    ["00", 0],
    ["-0", 0],
    ["1:20", "1:20"],
    ["190:20:30", "190:20:30"],
    ["2025-12-28", "2025-12-28"],
    ["2025-12-28T10:00:00Z", "2025-12-28T10:00:00Z"],
    ["1.5e3", 1500],
    ["1e3", 1000],
    ["e5", "e5"],
    ["5.", 5],
    [".5", 0.5],
    ["-.5", -0.5],
    ["1_0.5", 10.5],
    ["+12", 12],
    ["-7", -7],
    ["1.2.3", "1.2.3"],
    ["5432a", "5432a"],
    [".", "."],
    ["-.", "-."],
  ];
  for (const [text, value] of cases) assertEquals(valueOf(`a: ${text}`), { a: value }, text);
});

Deno.test("parseDocuments reads quotes, tags and keys as kubectl does", () => {
  const cases: readonly (readonly [string, unknown])[] = [
    ["a: '0123'\nb: !!str 5\nc: \"yes\"", { a: "0123", b: "5", c: "yes" }],
    ['a: !!int "5"\nb: !!bool "yes"\nc: !!float 5', { a: 5, b: true, c: 5 }],
    ["a: !custom 5\nb: ! 5", { a: "5", b: "5" }],
    ["a: !!binary aGk=\nb: !!timestamp 2025-12-28", { a: "hi", b: "2025-12-28" }],
    ["a: !!set {x, z}\nb: !!omap [x: 1]", { a: { x: null, z: null }, b: [{ x: 1 }] }],
    ["yes: 1\n2: 3\n0x10: 5", { true: 1, 2: 3, 16: 5 }],
    ["a: {b, c}\nd: [e: 1, f: 2]", { a: { b: null, c: null }, d: [{ e: 1 }, { f: 2 }] }],
    ["a: x#c\nb: [1]# c\nc: 'x'# d\n", { a: "x#c", b: [1], c: "x" }],
    ["a: 1\rb: 2\r", { a: 1, b: 2 }],
    ["a: 1\r\nb: 2\r\n", { a: 1, b: 2 }],
    ["\ufeffa: 1", { a: 1 }],
    ["a: >-\n  a\n    b\n  c\n", { a: "a\n  b\nc" }],
  ];
  for (const [text, value] of cases) assertEquals(valueOf(text), value, text);
  const polluted = valueOf("__proto__: {evil: true}\n") as Record<string, unknown>;
  assertEquals(Object.keys(polluted), ["__proto__"]);
  assertEquals(polluted.evil, undefined);
});

Deno.test("parseDocuments ignores the indentation of lines in brackets and quotes, as kubectl does", () => {
  const cases: readonly (readonly [string, unknown])[] = [
    ['s:\n  args: ["\n      echo hi\n  "]\n  b: 1', { s: { args: [" echo hi "], b: 1 } }],
    ['s:\n  - args: ["\n      echo hi\n    "]\n    b: 1', { s: [{ args: [" echo hi "], b: 1 }] }],
    ["a: [\n1,\n2\n]\nb: 1", { a: [1, 2], b: 1 }],
    ["s:\n  a: [\n  1\n  ]\n  b: 1", { s: { a: [1], b: 1 } }],
    ["s:\n  a: [\n1\n]\n  b: 1", { s: { a: [1], b: 1 } }],
    ["s:\n  a: {\n  x: 1,\n  z: 2\n  }\n  b: 1", { s: { a: { x: 1, z: 2 }, b: 1 } }],
    ["s:\n  a: {\nx: 1\n}\n  b: 1", { s: { a: { x: 1 }, b: 1 } }],
    ["s:\n- a: {\n  x: [\n  1\n  ]\n  }\n  b: 1", { s: [{ a: { x: [1] }, b: 1 }] }],
    ["s:\n- [\n 1\n]\n- {\n a: 1\n}", { s: [[1], { a: 1 }] }],
    ["a:\n  - - [\n1\n]\n    - 2", { a: [[[1], 2]] }],
    ["a:\n  - b:\n      c: {\n      }\n    e: 1", { a: [{ b: { c: {} }, e: 1 }] }],
    ['- "x\ny"\n- 1', ["x y", 1]],
    ['a:\n  - "x\n  "\n  - 1', { a: ["x ", 1] }],
    ['s:\n  a: "x\n\n  y"\n  b: 1', { s: { a: "x\ny", b: 1 } }],
    ['s:\n  a: "x\\\n  y"\n  b: 1', { s: { a: "xy", b: 1 } }],
    ["s:\n  a: 'x\ny\n'\n  b: 1", { s: { a: "x y ", b: 1 } }],
    ["s:\n  a: [x\n  y,\nz]\n  b: 1", { s: { a: ["x y", "z"], b: 1 } }],
    ["s:\n  a: [# c\n# d\n1]\n  b: 1", { s: { a: [1], b: 1 } }],
    ['a: {b: [1, {c: "d\ne"}], f: g}\nh: 1', { a: { b: [1, { c: "d e" }], f: "g" }, h: 1 }],
  ];
  for (const [text, value] of cases) assertEquals(valueOf(text), value, text);
  const lines = parseDocuments('s:\n  args: ["\n      echo hi\n  "]\n  b: 1').documents[0]!.lines;
  assertEquals([lines.get("s.args[0]"), lines.get("s.b")], [2, 5]);
});

Deno.test("parseDocuments follows anchors, aliases and merge keys as kubectl does", () => {
  const base = "b: &b {a: 1, b: 1}\nm: &m {b: 2, c: 2}\n";
  const merged = (text: string) => (valueOf(`${base}one: ${text}`) as Record<string, unknown>).one;
  assertEquals(merged("*b"), { a: 1, b: 1 });
  assertEquals(merged("{<<: [*b, *m], a: 0}"), { a: 0, b: 1, c: 2 });
  assertEquals(merged("{a: 0, <<: *b}"), { a: 1, b: 1 });
  assertEquals(merged("{<<: {c: 1}, d: 2}"), { c: 1, d: 2 });
  assertEquals(merged('{"<<": 1}'), { "<<": 1 });
  assertEquals(valueOf("a: &x b\n*x : 1"), { a: "b", b: 1 });
});

Deno.test("parseDocuments names the place of the first problem of each document", () => {
  const cases = [
    ["apiVersion: v1\nkind: [\n  foo: : bar\n", "3:8 unexpected : in flow sequence"],
    ["a: 1\nb:\n\t- x\n", "3:1 kubectl does not accept a tab as indentation"],
    ["a: 1\nb:\n  c: 'x\n", "4:1 missing closing 'quote"],
    [
      "kind: X\nmetadata:\n  name: x\n name: y\n",
      "4:1 all mapping items must start at the same column",
    ],
    [
      "a: 1\n---\na: 1\nb: [1,\nc: 2\n",
      "6:1 flow sequence in block collection must be sufficiently indented and end with a ]",
    ],
    ["a: 1\n---\nb: {c: 1, c: 2}\n", '3:11 duplicate field "c"'],
    ["a: &a [*a, *b]", "1:7 nested more than 200 levels deep"],
    ["a: *b", "1:4 no anchor precedes this alias; a text that begins with * needs quotes"],
    ["<<: [5]", "1:5 the value of << is neither an object nor a list of objects"],
    ["? [a]\n: 1\n", "1:3 the name of a field must be a string"],
    ["~: 1", "1:1 the name of a field must be a string"],
    ["--- {a: 1}\n", "1:5 kubectl accepts only a comment after ---"],
    ["a: 1\n----\n", "2:4 kubectl accepts only a comment after ---"],
    ["# c\n%YAML 1.1\n---\na: 1\n", "2:1 kubectl does not accept directives such as %YAML"],
    ["a: 1\n...\n# c\nb: 1\n", "3:1 kubectl ignores the text after ... up to the next ---"],
    ['a: "x"\n  \t# c\nb: 1\n', "2:3 kubectl does not accept a tab as indentation"],
    ["a: 1\n\t\nb: 1\n", "2:1 kubectl does not accept a tab as indentation"],
    ["-\ta: 1\n", "1:2 kubectl does not accept a tab as indentation"],
  ] as const;
  for (const [text, problem] of cases) assertEquals(problems(text), [problem], text);
});

for (
  const text of [
    "a: b: c",
    "a: - b",
    'a: "x" y',
    "a: @x",
    "a: `x`",
    "a: %x",
    "a: [1, 2",
    "a: [1,,2]",
    "a: ]",
    "a: {b: 1 c: 2}",
    'a: "\\q"',
    'a: "x\n--- y"',
    "a: [1,\n...\n]\n",
    "a:\n  b: 1\n   c: 2",
    "a: {{ .Values.x }}",
    "{{- if x }}\na: 1\n",
  ]
) {
  Deno.test(`parseDocuments refuses what kubectl refuses: ${JSON.stringify(text)}`, () => {
    assert(problems(text).length > 0);
  });
}

Deno.test("parseDocuments reads a series of JSON objects, as kubectl does", () => {
  const { documents, problems } = parseDocuments(
    '{\n\t"a": "}{"\n}\n{"b": {"c": "\\""}}{"d": 1}\n',
  );
  assertEquals(problems, []);
  assertEquals(documents.map(({ value }) => value), [{ a: "}{" }, { b: { c: '"' } }, { d: 1 }]);
  assertEquals(documents.map(({ lines }) => lines.get("b") ?? lines.get("d")), [undefined, 4, 4]);
});

Deno.test("parseDocuments accepts tabs and markers that kubectl accepts", () => {
  const cases: readonly (readonly [string, unknown])[] = [
    ["a: [\n\tx,\n\tz]\n", { a: ["x", "z"] }],
    ['a: "x\n\ty"\nb: 1\n', { a: "x y", b: 1 }],
    ["a: x\n  \tz\n", { a: "x z" }],
    ["a:\t\n  b:\t1\t# c\n", { a: { b: 1 } }],
    ["a: |\n  x\n  \ty\nb: 1\n", { a: "x\n\ty\n", b: 1 }],
    ["--- # c\na: 1\n...\n# d\n", { a: 1 }],
    ["a: 1\n...\n---\n", { a: 1 }],
  ];
  for (const [text, value] of cases) assertEquals(valueOf(text), value, text);
});

Deno.test("parseDocuments stops at once for documents that grow, nest or are large without limit", () => {
  const grown = (line: (i: number) => string) =>
    ["a0: &a0 {x: [y, y]}", ...Array.from({ length: 40 }, (_, i) => line(i + 1))].join("\n");
  const nine = (i: number) => Array(9).fill(`*a${i - 1}`).join(", ");
  const bombs = [
    grown((i) => `a${i}: &a${i} [${nine(i)}]`),
    grown((i) => `a${i}: &a${i} {<<: [${nine(i)}]}`),
    "a: &a [*a]",
    "[".repeat(500_000),
    "{a: ".repeat(20_000),
    "- ".repeat(50_000),
    '"'.repeat(500_000),
    Array.from({ length: 2000 }, (_, i) => `${" ".repeat(i)}a:`).join("\n"),
    `a: ${"x".repeat(10 * 1024 * 1024)}`,
    `${"\n".repeat(100_000)}a: [`,
  ];
  for (const bomb of bombs) {
    assertEquals(problems(bomb).length, 1, bomb.slice(0, 80));
  }
});

Deno.test("parseDocuments reads a large document within the limits", () => {
  const lines = Array.from({ length: 50_000 }, (_, i) => `  key-${i}: &k${i} value ${i}\n`);
  const { x } = valueOf(`x:\n${lines.join("")}`) as { x: object };
  assertEquals(Object.keys(x).length, 50_000);
});

for (
  const [text, expected] of [
    ["a: .inf", "kubectl cannot convert infinity and NaN to JSON; a text needs quotes"],
    ["a: [-.Inf]", "kubectl cannot convert infinity and NaN to JSON; a text needs quotes"],
    ["a: !!float .NaN", "kubectl cannot convert infinity and NaN to JSON; a text needs quotes"],
    ['a: "x\\/y"', "invalid escape sequence \\/"],
    ['a: "\\ud800"', "the escape \\u… is not a character; write the character itself"],
    ['a: "\\U00110000"', "the escape \\U… is not a character; write the character itself"],
    ["a: x\u0001y", "kubectl does not accept the character U+0001"],
    ["# \u001b[0m\na: x", "kubectl does not accept the character U+001B"],
    ["a: x\u007fy", "kubectl does not accept the character U+007F"],
    ["a: x\ufffey", "kubectl does not accept the character U+FFFE"],
  ] as const
) {
  Deno.test(`parseDocuments refuses, as kubectl does: ${JSON.stringify(text)}`, () => {
    assertEquals(parseDocuments(text).problems.map(({ problem }) => problem), [expected]);
  });
}

for (
  const [text, expected] of [
    ["a: .iNf", ".iNf"],
    ["a: { .inf: x }", { ".inf": "x" }],
    ["a: { -.Inf: x, .NaN: z }", { "-.inf": "x", ".nan": "z" }],
    ['a: ".inf"', ".inf"],
    ["a: !!str .inf", ".inf"],
    ["a: 1e999", "1e999"],
    [`a: "it\\'s"`, "it's"],
    [`a: "\\\\'"`, "\\'"],
    ['a: "\\u0001"', "\u0001"],
    ["a: x\u0085y", "x\u0085y"],
    ["a: x\ufeffy", "x\ufeffy"],
    ["---\n\ufeffa: x", "x"],
    ["# one\n--- # two\r\n\ufeffa: x", "x"],
    ['a: |-\n  "\\/"', '"\\/"'],
    ['{"a": "x\\/\\ud83d\\ude00"}', "x/😀"],
  ] as const
) {
  Deno.test(`parseDocuments accepts, as kubectl does: ${JSON.stringify(text)}`, () => {
    const { documents, problems } = parseDocuments(text);
    assertEquals([documents[0]?.value, problems], [{ a: expected }, []]);
  });
}
