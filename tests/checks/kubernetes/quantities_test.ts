import { formatQuantity, mebibytes, parseQuantity } from "../../../checks/kubernetes/quantities.ts";
import { assertEquals } from "../../support/assert.ts";

const ONE = 1_000_000_000n;

for (
  const [text, expected] of [
    ["1", ONE],
    [2, 2n * ONE],
    ["500m", ONE / 2n],
    [".5", ONE / 2n],
    ["-1", -ONE],
    ["1k", 1000n * ONE],
    ["1Ki", 1024n * ONE],
    ["1.5Gi", 1536n * 1024n * 1024n * ONE],
    ["2e3", 2000n * ONE],
    ["2E-3", ONE / 500n],
    ["1E", 10n ** 18n * ONE],
    ["1n", 1n],
    ["0.1n", 1n],
    ["1.0000000001", ONE + 1n],
  ] as const
) {
  Deno.test(`parseQuantity reads ${JSON.stringify(text)} exactly, and rounds up`, () => {
    assertEquals(parseQuantity(text), expected);
  });
}

for (
  const value of ["", "m", "1.5.5", "1 Gi", "1gi", "1GB", "0x1", "1e", "1e100", null, true, {}]
) {
  Deno.test(`parseQuantity refuses ${JSON.stringify(value)}`, () => {
    assertEquals(parseQuantity(value), undefined);
  });
}

Deno.test("formatQuantity uses the largest unit that is exact for memory, and m for cores", () => {
  const memory = (text: string) => formatQuantity(parseQuantity(text)!, "requests.memory");
  assertEquals(["2048Mi", "1536Mi", "512", "1G"].map(memory), ["2Gi", "1536Mi", "512", "953.6Mi"]);
  const cpu = (text: string) => formatQuantity(parseQuantity(text)!, "limits.cpu");
  assertEquals(["2", "1500m", "0.0001"].map(cpu), ["2", "1500m", "1m"]);
});

Deno.test("mebibytes converts to billionths of a byte", () => {
  assertEquals(mebibytes(2n), parseQuantity("2Mi"));
});
