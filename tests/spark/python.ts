// Runs the jobs' modules that need no Spark, with the Python of this machine.

const JOBS = new URL("../../manifests/image/jobs/", import.meta.url).pathname;
const HERE = new URL(".", import.meta.url).pathname;

/** The folders of the jobs' modules and of the tests' modules, for Python. */
export const PYTHON_ENV = { PYTHONPATH: `${JOBS}:${HERE}`, PYTHONDONTWRITEBYTECODE: "1" };

// deno-lint-ignore no-explicit-any
type Json = any;

/** The options of a Python program. */
export interface PythonOptions {
  /** The value of the program's variable `given`. */
  readonly given?: unknown;
  /** Handles the program's `query(sql)`. Returns the rows of a statement, as lists of texts. */
  readonly query?: (sql: string) => Promise<(string | null)[][]>;
  /** The path of another Python than this machine's default. */
  readonly command?: string;
  /** More environment variables for the program. */
  readonly env?: Readonly<Record<string, string>>;
}

const PROLOGUE = `
import json, sys
from deep_storage.errors import Failure

def say(kind, value):
    sys.__stdout__.write(json.dumps([kind, value]) + "\\n")
    sys.__stdout__.flush()

def query(sql):
    say("query", sql)
    return json.loads(sys.stdin.readline())

given = json.loads(sys.stdin.readline())
sys.stdout = sys.stderr
`;

/** Starts a JVM with the jars of the image, but without Spark, which saves several seconds. */
export const JVM = `
import os
from pyspark.java_gateway import launch_gateway
from py4j.protocol import Py4JJavaError
from deep_storage import java_failure, settings
gateway = launch_gateway()
class Spark:
    _jvm = gateway.jvm`.trim();

/**
 * Runs a program that ends with `result = …`.
 *
 * @returns the result, or the `{ kind, message }` of the failure
 */
export async function python(program: string, options: PythonOptions = {}): Promise<Json> {
  const indented = program.trim().split("\n").map((line) => `    ${line}`).join("\n");
  const epilogue = `
except Failure as failure:
    result = {"kind": failure.kind, "message": str(failure)}
say("result", result)`;
  const child = new Deno.Command(options.command ?? "python3", {
    args: ["-c", `${PROLOGUE}try:\n${indented}${epilogue}`],
    env: { ...PYTHON_ENV, ...options.env },
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const errors = new Response(child.stderr).text();
  const input = child.stdin.getWriter();
  const send = (value: unknown) =>
    input.write(new TextEncoder().encode(`${JSON.stringify(value)}\n`));
  let found: { result: Json } | undefined;
  try {
    await send(options.given ?? null);
    for await (const line of lines(child.stdout)) {
      const [kind, value] = JSON.parse(line);
      if (kind === "result") found = { result: value };
      else await send(await options.query!(value));
    }
  } finally {
    await input.close().catch(() => {});
    await child.status;
  }
  const said = await errors;
  if (found === undefined) throw new Error(`The program of Python ended early:\n${said}`);
  return found.result;
}

async function* lines(stream: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  let rest = "";
  for await (const text of stream.pipeThrough(new TextDecoderStream())) {
    const [...whole] = (rest + text).split("\n");
    rest = whole.pop()!;
    yield* whole;
  }
}
