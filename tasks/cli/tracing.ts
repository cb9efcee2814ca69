import type { Result } from "../../checks/finding.ts";
import type { Observer } from "../../pipeline/progress.ts";

// Without OpenTelemetry, these functions do nothing, and its library is not loaded.

/** Whether Deno runs with OTEL_DENO=true. It then provides OpenTelemetry under this symbol. */
function isOn(): boolean {
  return Symbol.for("opentelemetry.js.api.1") in globalThis;
}

function telemetry() {
  return import("./telemetry.ts");
}

/** Does work in a span, if OpenTelemetry is on. */
export async function inSpan<T>(
  name: string,
  attributes: Readonly<Record<string, string>>,
  work: () => Promise<T>,
): Promise<T> {
  return isOn() ? await (await telemetry()).inSpan(name, attributes, work) : await work();
}

/**
 * Does the work of a layer with an observer that also makes a span of each step, if OpenTelemetry is
 * on. Each span has ended when the work has ended or failed.
 */
export async function traceSteps(
  observer: Observer,
  layer: string,
  day: string,
  work: (observer: Observer) => Promise<void>,
): Promise<void> {
  if (!isOn()) return await work(observer);
  const traced = (await telemetry()).traced(observer, layer, day);
  try {
    await work(traced);
  } finally {
    traced.end();
  }
}

/**
 * Makes a span of each check, if OpenTelemetry is on.
 *
 * @param began when the checks began, by `performance.now()`
 */
export async function traceChecks(
  command: string,
  day: string | undefined,
  results: readonly Result[],
  began: number,
): Promise<void> {
  if (!isOn()) return;
  (await telemetry()).traceChecks(command, day, results, performance.timeOrigin + began);
}
