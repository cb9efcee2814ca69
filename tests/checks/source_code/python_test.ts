import { pythonOf, readPython } from "../../../checks/source_code/python.ts";
import { withHeredocs } from "../../../checks/source_code/shell.ts";
import { readFile } from "../../../checks/facts/manifests.ts";
import { assert, assertEquals } from "../../support/assert.ts";

const errorOf = (text: string) => readPython(text).error;

Deno.test("readPython blanks comments and strings, and keeps every offset", () => {
  const source = 'x = "a, (b"  # c("d")\ny = f\'{x["k"]}\'\n';
  const { code, strings } = readPython(source);
  assertEquals(code, "x = \"     \"          \ny = f'        '\n");
  assertEquals(strings.map(({ text }) => text), [" a, (b ", '  {x["k"]} ']);
  assertEquals(strings.map(({ start, end }) => end - start), [7, 11]);
});

Deno.test("readPython joins adjacent strings, and leaves out docstrings", () => {
  const { strings } = readPython('"""doc"""\ndef f():\n  "doc"\n  g("a "  # x\n    "b")\n');
  assertEquals(strings.map(({ text }) => text.replace(/\s+/g, " ").trim()), ["a b"]);
});

Deno.test("readPython reports the target of an assigned string", () => {
  const targets = (text: string) =>
    readPython(text).strings.map(({ assignedTo, dictionaryKey }) => assignedTo ?? dictionaryKey);
  assertEquals(targets('x = "a"'), ["x"]);
  assertEquals(targets('self.x: str = ("a")'), ["x"]);
  assertEquals(targets('f(1, x="a", **y)'), ["x"]);
  assertEquals(targets('def f(x="a"): pass'), ["x"]);
  assertEquals(targets('{"x": "a"}'), [undefined, "x"]);
  assertEquals(targets('x == "a"'), [undefined]);
});

Deno.test("readPython reads calls with arguments, receivers and contexts", () => {
  const [when, lit, otherwise, , cast] = readPython(
    'y = F.when(a, F . lit(None)).otherwise(b, k="c d").cast("int")',
  ).calls.toSpliced(3, 0, undefined!);
  assertEquals([when!.callee, lit!.callee, otherwise!.callee], ["F.when", "F.lit", "otherwise"]);
  assertEquals(when!.chain.map(({ name }) => name), ["otherwise", "cast"]);
  assertEquals(lit!.context.argumentOf?.name, "when");
  assertEquals(otherwise!.receiver?.name, "when");
  assertEquals(otherwise!.args.map(({ code, keyword, string }) => [code, keyword, string]), [
    ["b", undefined, undefined],
    ['"   "', "k", "c d"],
  ]);
  assertEquals(cast!.context.assignedTo, "y");
  const [bracketed] = readPython('(f()).cast("int")').calls;
  assertEquals(bracketed!.context.bracketed?.map(({ name }) => name), ["cast"]);
});

Deno.test("readPython reads imports", () => {
  const source = "import os, a.b as c\nfrom ..x.y import (d as e,  # f\n  g)\nfrom . import z\n";
  assertEquals(
    readPython(source).imports.map(({ dots, module, names }) =>
      `${dots} ${module}: ${names.map(({ name, alias }) => `${name}=${alias}`).join(" ")}`
    ),
    ["0 os: ", "0 a.b: ", "2 x.y: d=e g=g", "1 : z=z"],
  );
});

Deno.test("readPython finds the same imports with and without parsing", () => {
  const sources = [
    "if a: import b; from c import (d,  # import x\n  e as f)\nimport g \\\n  as h, i\n",
    "try:\n\tfrom .a import(b)\nexcept ImportError: from.c import d; important = 1\n",
    "x = f'{a[\"b\"]}'  # import y\nimport c\n",
    "def f():\n  import a\nfrom . import *\n",
  ];
  for (const source of sources) {
    // An import in a string has to be parsed.
    const parsed = readPython(`"""\nimport not_a_module\n"""\n${source}`).imports;
    assertEquals(readPython(source).imports, parsed, source);
    assert(parsed.length > 0 && !JSON.stringify(parsed).includes("not_a_module"));
  }
});

Deno.test("readPython does not parse code for its imports", () => {
  const { imports, error } = readPython("import a\ndef f(:\nimport b\n");
  assertEquals(imports.map(({ module }) => module), ["a", "b"]);
  assert(error !== undefined);
});

Deno.test("readPython accepts brackets around the items of a with statement", () => {
  const source = `with (
    open("(a,") as f,  # the first
    g("""
    )""") as h,
):
    x = F.lit(None)
async with (a as b): pass
with (a, b) as c: pass
with (yield): pass
`;
  const { calls, code, error } = readPython(source);
  assertEquals(error, undefined);
  assertEquals(calls.map(({ start }) => source.slice(start).match(/^[\w.]+/)![0]), [
    "open",
    "g",
    "F.lit",
  ]);
  assertEquals(calls[0]!.args[0]!.string, "(a,");
  assertEquals(code.length, source.length);
  for (const broken of ["with (a as b, c:\n  pass", "with (a as): pass", "x = (a as b)"]) {
    assert(errorOf(broken) !== undefined, broken);
  }
});

Deno.test("readPython accepts the syntax of new versions of Python", () => {
  for (
    const source of [
      'print(f"{d["k"]!r:>{w}}")',
      "match x:\n  case [1, *_]: pass",
      "type X = int",
      "def f[T](x: T) -> T: ...",
      "try:\n  a\nexcept* E: b",
      "async def f():\n  async with a as b: yield",
      "def f(a, /, b, *, c): yield\n",
    ]
  ) {
    assertEquals(errorOf(source), undefined, source);
  }
});

Deno.test("readPython reports where source cannot be parsed, and reads the rest", () => {
  const broken = 'os.getenv("A")\ndef f(:\n  pass\nos.getenv("B")\n';
  const { error, calls } = readPython(broken);
  assertEquals(error, { offset: 21, problem: "this Python code could not be parsed" });
  assertEquals(calls.map(({ args }) => args[0]?.string), ["A", "B"]);
});

Deno.test("readPython returns for hostile source", () => {
  for (
    const [source, problem] of [
      ["f(".repeat(200_000), "this Python code nests more than 1000 brackets"],
      ["a ".repeat(2_000_000), "this Python code has more than 2 MiB"],
      ["a.".repeat(300_000), "this Python code could not be parsed"],
      ["not ".repeat(50_000), "this Python code has more than 1000 operators in a row"],
      ["if not ".repeat(20_000), "this Python code has more than 1000 operators in a row"],
      [
        `x = ${"lambda: ".repeat(20_000)}1`,
        "this Python code has more than 1000 operators in a row",
      ],
      [`x = ${"not ".repeat(1000)}a`, undefined],
      [Array.from({ length: 1000 }, (_, i) => `${" ".repeat(i)}if a:`).join("\n"), undefined],
      [`f(${'"a" '.repeat(50_000)})`, undefined],
      [`x = {${'"a": "b", '.repeat(20_000)}}`, undefined],
      ["from a import (".repeat(900), undefined],
      [`;from a ${"\\\n;from".repeat(20_000)}`, undefined],
      [`${" ".repeat(100_000)}x = '${"\\".repeat(100_000)}"""${"\\'".repeat(100_000)}`, undefined],
      ["with (a as b, ".repeat(900), undefined],
    ] as const
  ) {
    const { error, imports } = readPython(source);
    assert(imports.length < 1000);
    if (problem !== undefined) assertEquals(error?.problem, problem, source.slice(0, 20));
  }
});

Deno.test("readFile parses a script at most once", () => {
  const [script] = readFile("job.py", "import os\n").scripts;
  assert(pythonOf(script!) === pythonOf(script!));
});

Deno.test("withHeredocs keeps the lines of Python in a shell script", () => {
  const text = "#!/bin/sh\npython3 - <<EOF\nx = $X\nos.getenv('A')\nEOF\n";
  const [, inner] = withHeredocs({ language: "shell", file: "run.sh", line: 5, text });
  assertEquals([inner!.language, inner!.line], ["python", 7]);
  const { error, calls } = pythonOf(inner!);
  assertEquals([error, calls.map(({ start }) => start)], [undefined, [7]]);
});

Deno.test("withHeredocs finds the scripts that a Dockerfile writes", () => {
  const found = (text: string) =>
    withHeredocs({ language: "dockerfile", file: "Dockerfile", line: 1, text }).slice(1)
      .map(({ language, target, line, text }) => [language, target, line, text]);
  const read = 'echo "$A"';
  for (
    const [text, expected] of [
      [`FROM a\nCOPY <<'EOF' /opt/run.sh\n${read}\nEOF\n`, [["shell", "/opt/run.sh", 3, read]]],
      [`COPY <<"E" /opt/run\n#!/bin/bash -u\n${read}\nE`, [
        ["shell", "/opt/run", 2, `#!/bin/bash -u\n${read}`],
      ]],
      ["ADD --chmod=755 <<'EOF' /opt/job.py\nprint(1)\nEOF", [[
        "python",
        "/opt/job.py",
        2,
        "print(1)",
      ]]],
      [`RUN cat > /opt/run.sh <<'EOF'\n${read}\nEOF`, [["shell", "/opt/run.sh", 2, read]]],
      [`RUN cat <<'EOF' > /opt/run.sh\n${read}\nEOF`, [["shell", "/opt/run.sh", 2, read]]],
      // The build replaces the variables, except after a backslash.
      [`COPY <<EOF /opt/run.sh\necho $A \\$B\nEOF`, [["shell", "/opt/run.sh", 2, "echo __  $B"]]],
      [`RUN <<'EOF'\n${read}\nEOF`, []],
      [`RUN python3 /opt/job.py <<'EOF'\n${read}\nEOF`, []],
      ["COPY <<'EOF' /opt/notes.txt\nhello\nEOF", []],
    ] as const
  ) assertEquals([text, found(text)], [text, expected]);
});
