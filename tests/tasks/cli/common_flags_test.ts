import { isColourless, isQuiet, isVerbose } from "../../../tasks/cli/common_flags.ts";
import { readFlags } from "../../../tasks/cli/flags.ts";
import { assertEquals } from "../../support/assert.ts";

const SPEC = { values: ["output"], switches: ["yes"] };

for (
  const args of [[], ["-q"], ["--quiet"], ["-v"], ["--verbose"], ["-hq"], ["--no-color", "-v"], [
    "--yes",
    "-o",
    "json",
  ]]
) {
  Deno.test(`isQuiet, isVerbose and isColourless: agree with readFlags about: ${args.join(" ")}`, () => {
    const flags = readFlags(args, SPEC);
    assertEquals(
      [isQuiet(args), isVerbose(args), isColourless(args)],
      ["quiet", "verbose", "no-color"].map((name) => flags.on(name)),
    );
  });
}

Deno.test("readFlags: reads short names", () => {
  const flags = readFlags(["-qo", "json", "-h"], SPEC);
  assertEquals(["quiet", "help", "verbose"].map((name) => flags.on(name)), [true, true, false]);
  assertEquals(flags.value("output"), "json");
  assertEquals(readFlags(["-ojunit=a b.xml"], SPEC).value("output"), "junit=a b.xml");
});
