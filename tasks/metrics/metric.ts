// The text format of Prometheus, version 0.0.4: https://prometheus.io/docs/instrumenting/exposition_formats/

/** A metric with its series. */
export interface Metric {
  /** The name, as in `deep_storage_day_rows`. */
  readonly name: string;
  readonly type: "gauge" | "counter";
  /** The meaning, as a sentence. */
  readonly help: string;
  readonly series: readonly Series[];
}

/** A value with its labels. */
export interface Series {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** The media type of the text format. */
export const TEXT_FORMAT = "text/plain; version=0.0.4; charset=utf-8";

/** Returns a series. */
export function series(value: number, labels: Series["labels"] = {}): Series {
  return { value, labels };
}

/** Returns a gauge, which can go up and down. */
export function gauge(name: string, help: string, all: readonly Series[]): Metric {
  return { name: `deep_storage_${name}`, type: "gauge", help, series: all };
}

/** Returns a counter, which starts at 0 with the process and only goes up. */
export function counter(name: string, help: string, all: readonly Series[]): Metric {
  return { name: `deep_storage_${name}`, type: "counter", help, series: all };
}

/** Renders metrics. A metric without a series is left out. */
export function renderMetrics(metrics: readonly Metric[]): string {
  return metrics.filter((metric) => metric.series.length > 0).map(renderMetric).join("");
}

function renderMetric({ name, type, help, series }: Metric): string {
  const lines = series.map(({ labels, value }) => `${name}${renderLabels(labels)} ${value}\n`);
  return `# HELP ${name} ${escapeText(help)}\n# TYPE ${name} ${type}\n${lines.join("")}`;
}

function renderLabels(labels: Series["labels"]): string {
  const pairs = Object.entries(labels).map(([name, value]) =>
    `${name}="${escapeText(value).replaceAll('"', '\\"')}"`
  );
  return pairs.length === 0 ? "" : `{${pairs.join(",")}}`;
}

function escapeText(text: string): string {
  return text.replaceAll("\\", "\\\\").replaceAll("\n", "\\n");
}
