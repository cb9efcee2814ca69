import {
  type Attributes,
  context,
  type Meter,
  metrics,
  type Span,
  SpanStatusCode,
  trace,
  type Tracer,
} from "@opentelemetry/api";
import type { Result } from "../../checks/finding.ts";
import type { Observer, Step } from "../../pipeline/progress.ts";

// OpenTelemetry. Deno exports the spans and metrics of this process and of its workers, also when the
// process ends. tasks/cli/tracing.ts loads this module only if OpenTelemetry is on. An attribute is a
// number, a name of the toolkit, a day or a state: never a text from outside.

const tracer = (): Tracer => trace.getTracer("deep-storage");
const meter = (): Meter => metrics.getMeter("deep-storage");

/** The time in milliseconds since 1970. It never goes back. */
function now(): number {
  return performance.timeOrigin + performance.now();
}

/**
 * Does work in a span, which is the parent of the spans that begin in the work.
 *
 * @param name the name, as in `deep_storage.bronze`
 */
export function inSpan<T>(
  name: string,
  attributes: Attributes,
  work: (span: Span) => Promise<T>,
): Promise<T> {
  return tracer().startActiveSpan(name, { attributes }, async (span) => {
    const began = performance.now();
    try {
      return await work(span);
    } catch (error) {
      span.setStatus({ code: SpanStatusCode.ERROR });
      span.setAttribute("error.type", kindOf(error));
      throw error;
    } finally {
      span.end();
      const seconds = (performance.now() - began) / 1000;
      meter().createHistogram("deep_storage.step.duration", {
        description: "How long a step of a run took.",
        unit: "s",
      }).record(seconds, { "deep_storage.step": name.replace("deep_storage.", "") });
    }
  });
}

/** The kind of a failure, or the name of the class of another error. */
function kindOf(error: unknown): string {
  if (!(error instanceof Error)) return "unknown";
  return "kind" in error && typeof error.kind === "string" ? error.kind : error.name;
}

/** The name of the span that ends with a step. Other steps have their own name. */
const SPANS: Readonly<Record<string, string>> = {
  outbox: "connect",
  bronze: "read",
  commit: "marker",
  parts: "store",
};

/** An observer whose spans end with `end`. */
export interface TracedObserver extends Observer {
  /** Ends the span that is open if the layer failed. */
  end(): void;
}

/**
 * Returns an observer that makes a span of each step of a layer. A step is reported when it is done, so
 * its span begins with the end of the step before. The span `copy` contains the spans of the parts.
 */
export function traced(observer: Observer, layer: string, day: string): TracedObserver {
  const parent = context.active();
  const common = { "deep_storage.layer": layer, "deep_storage.day": day };
  let ended = now();
  let copy: { readonly span: Span; rows: number; bytes: number } | undefined;
  const span = (name: string, attributes: Attributes = {}, within = parent) =>
    tracer().startSpan(
      `deep_storage.${name}`,
      { startTime: ended, attributes: { ...common, ...attributes } },
      within,
    );
  const endCopy = () => {
    if (copy === undefined) return;
    copy.span.setAttributes({ "deep_storage.rows": copy.rows, "deep_storage.bytes": copy.bytes });
    copy.span.end(ended);
    count("deep_storage.rows", "Rows that were copied.", "{row}", copy.rows, layer);
    count("deep_storage.bytes", "Bytes that were stored.", "By", copy.bytes, layer);
    copy = undefined;
  };
  return {
    progress: (progress) => observer.progress(progress),
    work: (work) => observer.work?.(work),
    step(step) {
      observer.step(step);
      if (step.step === "part") {
        copy ??= { span: span("copy"), rows: 0, bytes: 0 };
        copy.rows += numberOf(step, "rows");
        copy.bytes += numberOf(step, "bytes");
        span("part", numbersOf(step), trace.setSpan(parent, copy.span)).end(now());
      } else {
        endCopy();
        span(SPANS[step.step] ?? step.step, numbersOf(step)).end(now());
      }
      ended = now();
    },
    end() {
      ended = now();
      copy?.span.setStatus({ code: SpanStatusCode.ERROR });
      endCopy();
    },
  };
}

function count(name: string, description: string, unit: string, value: number, layer: string) {
  meter().createCounter(name, { description, unit }).add(value, { "deep_storage.layer": layer });
}

function numberOf({ data }: Step, name: string): number {
  const value = data[name];
  return typeof value === "number" ? value : 0;
}

/** The counts of a step, and its state. */
function numbersOf({ data }: Step): Attributes {
  const numbers = Object.entries(data).filter(([name, value]) =>
    typeof value === "number" || name === "state" || name === "outcome"
  );
  return Object.fromEntries(
    numbers.map(([name, value]) => [`deep_storage.${name}`, value as number | string]),
  );
}

/** Makes a span of each check, and counts its verdict. */
export function traceChecks(
  command: string,
  day: string | undefined,
  results: readonly Result[],
  began: number,
): void {
  const verdicts = meter().createCounter("deep_storage.check.verdicts", {
    description: "Verdicts of checks.",
    unit: "{verdict}",
  });
  for (const { id, verdict, findings, seconds = 0 } of results) {
    const attributes = {
      "deep_storage.command": command,
      "deep_storage.check.id": id,
      "deep_storage.check.verdict": verdict,
    };
    verdicts.add(1, attributes);
    const span = tracer().startSpan("deep_storage.check", {
      startTime: began,
      attributes: {
        ...attributes,
        ...(day === undefined ? {} : { "deep_storage.day": day }),
        "deep_storage.check.findings": findings.length,
      },
    });
    if (verdict === "fail" || verdict === "error") span.setStatus({ code: SpanStatusCode.ERROR });
    span.end(began + seconds * 1000);
  }
}
