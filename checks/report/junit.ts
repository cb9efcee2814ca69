import type { Finding, Result } from "../finding.ts";
import { reasonOf, type Report } from "./report.ts";

/**
 * Renders a report as JUnit XML with one test case per check. A warning is a test case that passed
 * with output. The time of a check is the time from the start of the run to its verdict, because
 * checks share the facts that they wait for. Ends with a newline.
 */
export function renderJunit({ command, date, results }: Omit<Report, "exitCode">): string {
  const count = (verdict: string) => results.filter((each) => each.verdict === verdict).length;
  const counts = attributes({
    tests: results.length,
    failures: count("fail"),
    errors: count("error"),
    skipped: count("skip") + count("not-applicable"),
    ...timeOf(Math.max(0, ...results.map(({ seconds = 0 }) => seconds))),
  });
  const lines = [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuites${attributes({ name: command })}${counts}>`,
    `  <testsuite${attributes({ name: command })}${counts}>`,
  ];
  if (date !== undefined) {
    const property = attributes({ name: "date", value: date });
    lines.push("    <properties>", `      <property${property}/>`, "    </properties>");
  }
  for (const result of results) lines.push(...testCase(command, result));
  lines.push("  </testsuite>", "</testsuites>");
  return lines.map((line) => `${line}\n`).join("");
}

function testCase(command: string, result: Result): string[] {
  const { id, title, section, findings, seconds } = result;
  const classname = section === undefined ? command : `${command}.${section}`;
  const open = `    <testcase${attributes({ classname, name: id, ...timeOf(seconds) })}`;
  const body = content(result);
  if (body === undefined) return [`${open}/>`];
  const text = findings.length === 0 ? [] : [title, ...findings.map(describe), page(id)];
  const [tag, message] = body;
  const element = text.length === 0
    ? `      <${tag}${message}/>`
    : `      <${tag}${message}>${escape(text.join("\n\n"))}</${tag}>`;
  return [`${open}>`, element, "    </testcase>"];
}

function timeOf(seconds: number | undefined): { time?: string } {
  return seconds === undefined ? {} : { time: seconds.toFixed(3) };
}

/** The element for a verdict and its attributes; undefined for a pass. */
function content(result: Result): [string, string] | undefined {
  const { verdict, findings } = result;
  if (verdict === "pass") return undefined;
  if (verdict === "warn") return ["system-out", ""];
  if (verdict === "fail") {
    const worst = findings.find(({ severity }) => severity === "fail");
    return ["failure", attributes({ message: worst?.problem ?? "" })];
  }
  if (verdict === "not-applicable") {
    return ["skipped", attributes({ message: `not applicable: ${reasonOf(result)}` })];
  }
  return [verdict === "skip" ? "skipped" : "error", attributes({ message: reasonOf(result) })];
}

function describe({ severity, object, field, file, line, problem, why, fix }: Finding): string {
  const lines = [`${severity}: ${object}${field === undefined ? "" : ` ${field}`}`];
  if (file !== undefined) lines.push(`file: ${file}${line === undefined ? "" : `:${line}`}`);
  lines.push(`problem: ${problem}`);
  if (why !== undefined) lines.push(`why: ${why}`);
  return [...lines, `fix: ${fix}`].join("\n");
}

function page(id: string): string {
  return `details: deno task explain ${id}`;
}

function attributes(values: Readonly<Record<string, string | number>>): string {
  return Object.entries(values).map(([name, value]) => ` ${name}="${escape(String(value))}"`)
    .join("");
}

const ENTITIES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
};

/** Escapes a text for XML. XML cannot contain most control characters, so they are removed. */
function escape(text: string): string {
  return text
    .toWellFormed()
    .replace(/[^\t\n\u0020-\uD7FF\uE000-\uFFFD\u{10000}-\u{10FFFF}]|[\u007F-\u009F]/gu, "")
    .replace(/[&<>"]/g, (character) => ENTITIES[character]!);
}
