import { counter, gauge, renderMetrics, series } from "../../../tasks/metrics/metric.ts";
import { assertEquals } from "../../support/assert.ts";

Deno.test("renderMetrics: writes help, type and each series, and leaves out a metric without series", () => {
  const text = renderMetrics([
    gauge("days", "Days by layer.", [
      series(2, { layer: "bronze" }),
      series(0, { layer: "silver" }),
    ]),
    gauge("late_events", "Late events.", []),
    counter("readings_total", "Readings.", [series(7)]),
  ]);
  assertEquals(
    text,
    `# HELP deep_storage_days Days by layer.
# TYPE deep_storage_days gauge
deep_storage_days{layer="bronze"} 2
deep_storage_days{layer="silver"} 0
# HELP deep_storage_readings_total Readings.
# TYPE deep_storage_readings_total counter
deep_storage_readings_total 7
`,
  );
});

Deno.test("renderMetrics: escapes backslashes, line breaks and quotation marks", () => {
  const text = renderMetrics([gauge("a", 'say "\\\n"', [series(1, { b: 'c\\"\nd' })])]);
  assertEquals(
    text,
    '# HELP deep_storage_a say "\\\\\\n"\n# TYPE deep_storage_a gauge\n' +
      'deep_storage_a{b="c\\\\\\"\\nd"} 1\n',
  );
});
