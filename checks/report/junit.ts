import type { Finding, Result } from "../finding.ts";
import { examinedInPart, fixOnce, type PrintedFixes, reasonOf, type Report } from "./report.ts";

/** A test case of a JUnit report. */
export interface TestCase {
  /** The suite or command that the test case belongs to. */
  readonly classname: string;
  /** The check or step. */
  readonly name: string;
  /** How long it took; undefined if that is not known. */
  readonly seconds?: number | undefined;
  /** What the test case contains; undefined for a pass without output. */
  readonly outcome?: Outcome | undefined;
}

/** The element in a test case. A test case with `system-out` has passed. */
export interface Outcome {
  /** The name of the element. */
  readonly element: "error" | "failure" | "skipped" | "system-out";
  /** The reason in one line. */
  readonly message?: string;
  /** The text in the element. */
  readonly text?: string;
}

/** A test suite of a JUnit report. */
export interface TestSuite {
  /** The command, and the day of several. */
  readonly name: string;
  /** The day, for the property `date`. */
  readonly date?: string | undefined;
  /** How long the suite took. */
  readonly seconds: number;
  /** The test cases in their order. */
  readonly cases: readonly TestCase[];
}

/**
 * Renders a report as JUnit XML with one test case per check. A warning, and a pass that did not examine
 * everything, is a test case that passed with output. The time of a check is the time from the start of
 * the run to its verdict, because
 * checks share the facts that they wait for. Ends with a newline.
 */
export function renderJunit({ command, date, results }: Omit<Report, "exitCode">): string {
  const seconds = Math.max(0, ...results.map(({ seconds = 0 }) => seconds));
  const cases = testCases(command, results);
  return renderSuites(command, [{ name: command, date, seconds, cases }]);
}

/** Renders test suites as JUnit XML. Ends with a newline. */
export function renderSuites(name: string, suites: readonly TestSuite[]): string {
  const seconds = suites.reduce((sum, suite) => sum + suite.seconds, 0);
  const all = countsOf(suites.flatMap(({ cases }) => cases), seconds);
  const lines = [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuites${attributes({ name })}${all}>`,
  ];
  for (const { name, date, seconds, cases } of suites) {
    lines.push(`  <testsuite${attributes({ name })}${countsOf(cases, seconds)}>`);
    if (date !== undefined) {
      const property = attributes({ name: "date", value: date });
      lines.push("    <properties>", `      <property${property}/>`, "    </properties>");
    }
    for (const each of cases) lines.push(...renderCase(each));
    lines.push("  </testsuite>");
  }
  lines.push("</testsuites>");
  return lines.map((line) => `${line}\n`).join("");
}

/** Returns a test case per check. */
export function testCases(classname: string, results: readonly Result[]): TestCase[] {
  const printed: PrintedFixes = new Map();
  return results.map((result) => {
    const { id, title, section, findings, seconds } = result;
    const inPart = [examinedInPart(result)].filter((line) => line !== undefined);
    const fixes = findings.map((each) => describe(each, fixOnce(each, id, printed)));
    const text = findings.length + inPart.length === 0 ? {} : {
      text: [title, ...inPart, ...fixes, ...(fixes.length === 0 ? [] : [page(id)])].join("\n\n"),
    };
    const found = outcomeOf(result);
    return {
      classname: section === undefined ? classname : `${classname}.${section}`,
      name: id,
      seconds,
      outcome: found && { ...found, ...text },
    };
  });
}

function countsOf(cases: readonly TestCase[], seconds: number): string {
  const count = (element: string) =>
    cases.filter(({ outcome }) => outcome?.element === element).length;
  return attributes({
    tests: cases.length,
    failures: count("failure"),
    errors: count("error"),
    skipped: count("skipped"),
    ...timeOf(seconds),
  });
}

function renderCase({ classname, name, seconds, outcome }: TestCase): string[] {
  const open = `    <testcase${attributes({ classname, name, ...timeOf(seconds) })}`;
  if (outcome === undefined) return [`${open}/>`];
  const { element, message, text } = outcome;
  const tag = `      <${element}${message === undefined ? "" : attributes({ message })}`;
  const rendered = text === undefined ? `${tag}/>` : `${tag}>${escape(text)}</${element}>`;
  return [`${open}>`, rendered, "    </testcase>"];
}

function timeOf(seconds: number | undefined): { time?: string } {
  return seconds === undefined ? {} : { time: seconds.toFixed(3) };
}

/** The element for a verdict; undefined for a pass that examined everything. */
function outcomeOf(result: Result): Outcome | undefined {
  const { verdict, findings } = result;
  if (verdict === "pass" && examinedInPart(result) === undefined) return undefined;
  if (verdict === "pass" || verdict === "warn") return { element: "system-out" };
  if (verdict === "fail") {
    const worst = findings.find(({ severity }) => severity === "fail");
    return { element: "failure", message: worst?.problem ?? "" };
  }
  if (verdict === "not-applicable") {
    return { element: "skipped", message: `not applicable: ${reasonOf(result)}` };
  }
  return { element: verdict === "skip" ? "skipped" : "error", message: reasonOf(result) };
}

function describe(
  { severity, object, field, file, line, problem, why }: Finding,
  fix: string,
): string {
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
