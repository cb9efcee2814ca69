import {
  wrongLabelKey,
  wrongLabelValue,
  wrongPort,
  wrongPortName,
} from "../../../checks/kubernetes/metadata.ts";
import {
  formatSelector,
  readSelector,
  selects,
  unmetRequirements,
} from "../../../checks/kubernetes/selectors.ts";
import { assertEquals } from "../../support/assert.ts";

function selector(value: unknown) {
  const problems: string[] = [];
  const read = readSelector(value, "spec", (path, problem) => problems.push(`${path} ${problem}`));
  return { read, problems };
}

const such = (operator: string, ...values: string[]) => ({
  matchExpressions: [{ key: "app", operator, ...(values.length === 0 ? {} : { values }) }],
});

for (
  const [value, web, other, none] of [
    [undefined, true, true, true],
    [{ matchLabels: { app: "web" } }, true, false, false],
    [such("In", "web", "db"), true, false, false],
    [such("NotIn", "web"), false, true, true],
    [such("Exists"), true, true, false],
    [such("DoesNotExist"), false, false, true],
  ] as const
) {
  Deno.test(`selects follows ${JSON.stringify(value ?? "no selector")}`, () => {
    const { read, problems } = selector(value);
    const labels = (...all: [string, string][]) => new Map(all);
    assertEquals(problems, []);
    assertEquals(
      [
        selects(read, labels(["app", "web"])),
        selects(read, labels(["app", "x"])),
        selects(read, labels()),
      ],
      [web, other, none],
    );
  });
}

Deno.test("unmetRequirements returns the requirements that labels do not meet", () => {
  const { read } = selector({ matchLabels: { app: "web", tier: "back" } });
  const unmet = unmetRequirements(read, new Map([["app", "web"]]));
  assertEquals(unmet.map(({ key }) => key), ["tier"]);
});

Deno.test("formatSelector writes a selector as kubectl -l reads it", () => {
  const format = (value: unknown) => formatSelector(selector(value).read);
  assertEquals(format({}), "everything");
  assertEquals(format({ matchLabels: { app: "web", tier: "back" } }), "app=web,tier=back");
  assertEquals(format(such("NotIn", "a", "b")), "app notin (a,b)");
  assertEquals(format(such("In", "a", "b")), "app in (a,b)");
  assertEquals([such("Exists"), such("DoesNotExist")].map(format), ["app", "!app"]);
});

for (
  const [value, problem] of [
    [such("In"), "spec.matchExpressions[0].values In needs at least one value"],
    [such("Exists", "a"), "spec.matchExpressions[0].values Exists takes no values"],
    [such("Equals", "a"), 'spec.matchExpressions[0].operator "Equals" is not an operator'],
    [{ matchLabels: { "-a": "b" } }, 'spec.matchLabels "-a" is not a valid label key'],
    [{ matchLabel: {} }, "spec.matchLabel"],
  ] as const
) {
  Deno.test(`readSelector reports ${problem}`, () => {
    const { problems } = selector(value);
    assertEquals(problems.map((each) => each.startsWith(problem)), [true], problems.join("; "));
  });
}

Deno.test("wrongLabelKey, wrongLabelValue, wrongPortName and wrongPort know the limits of lengths", () => {
  const isWrong = (problem: string | undefined) => problem !== undefined;
  const x = (length: number) => "x".repeat(length);
  assertEquals([wrongLabelKey(x(63)), wrongLabelKey(x(64))].map(isWrong), [false, true]);
  assertEquals([wrongLabelKey("a.b/c"), wrongLabelKey("a/b/c")].map(isWrong), [false, true]);
  assertEquals([wrongLabelValue(""), wrongLabelValue(x(64))].map(isWrong), [false, true]);
  assertEquals([wrongPortName(x(15)), wrongPortName(x(16))].map(isWrong), [false, true]);
  assertEquals(["80", "a--b", "A", "-a"].map(wrongPortName).map(isWrong), Array(4).fill(true));
  assertEquals([0, 1, 65535, 65536].map(wrongPort).map(isWrong), [true, false, false, true]);
});
