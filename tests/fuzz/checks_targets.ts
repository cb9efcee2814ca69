import { PREFLIGHT } from "../../checks/preflight/catalog.ts";
import type { AnyCheck, Facts } from "../../checks/check.ts";
import { readFile } from "../../checks/facts/manifests.ts";
import { parseAddress, parseCidr } from "../../checks/network_policy/address.ts";
import { decodeBase64 } from "../../checks/kubernetes/fields.ts";
import { shellIn } from "../../checks/source_code/shell_syntax.ts";
import { parseQuantity } from "../../checks/kubernetes/quantities.ts";
import type { Target } from "./target.ts";

const ROOT = new URL("../../", import.meta.url);
const textOf = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
const utf8 = (text: string) => new TextEncoder().encode(text);

/** Reads the files below a folder, subfolders included, whose names match the pattern. */
function filesOf(folder: string, ending: RegExp): Uint8Array[] {
  const found: Uint8Array[] = [];
  for (const { name, isDirectory } of Deno.readDirSync(new URL(folder, ROOT))) {
    if (isDirectory) found.push(...filesOf(`${folder}${name}/`, ending));
    else if (ending.test(name)) found.push(Deno.readFileSync(new URL(folder + name, ROOT)));
  }
  return found;
}

/** The checks that need only manifests. */
const JUDGES: readonly AnyCheck[] = PREFLIGHT.filter(({ needs, wants = [] }) =>
  [...needs, ...wants].includes("manifests") && needs.every((name) => name === "manifests")
);

/** Runs these checks with one file as the only manifest. */
function judge(file: string, bytes: Uint8Array): void {
  const manifests = { directory: "manifests", files: 1, ...readFile(file, textOf(bytes)) };
  for (const { run } of JUDGES) run({ manifests } as unknown as Facts);
}

function fileTarget(name: string, file: string, folder: string, ending: RegExp): Target {
  return {
    name,
    seeds: () => filesOf(folder, ending),
    run: (bytes) => judge(file, bytes),
    isExpected: () => false, // readFile never throws, and checks must not throw either
  };
}

/** The parsers of `checks/`, each with the checks that read its result. */
export const CHECKS_TARGETS: readonly Target[] = [
  fileTarget("yaml", "fuzzed.yaml", "manifests/", /\.ya?ml$/),
  fileTarget("python", "fuzzed.py", "manifests/image/jobs/", /\.py$/),
  fileTarget("dockerfile", "image/Dockerfile", "manifests/image/", /^Dockerfile$/),
  {
    name: "sql",
    seeds: () => [
      utf8("CREATE TABLE t AS SELECT NULL AS a, 'x''y' -- c\n, /* d */ \"q\" FROM stop_events e"),
      utf8("INSERT INTO silver SELECT CAST(NULL AS STRING) FROM (SELECT 1) s WHERE a = $$x$$"),
    ],
    run: (bytes) => judge("fuzzed.sql", bytes),
    isExpected: () => false,
  },
  {
    name: "shell",
    seeds: () => [
      utf8(
        "set -e\nspark-submit --conf a=$(date +%F) <<'EOF'\nSELECT 1\nEOF\npsql -c \"SELECT `x`\"",
      ),
    ],
    run(bytes) {
      shellIn(textOf(bytes));
      judge("fuzzed.sh", bytes);
    },
    isExpected: () => false,
  },
  {
    name: "words",
    seeds: () =>
      ["1500Mi", "1e3", "100m", "10.0.0.0/8", "fd00::1/64", "::ffff:1.2.3.4", "cGFzcw=="].map(utf8),
    run(bytes) {
      const text = textOf(bytes);
      for (const parse of [parseQuantity, parseAddress, parseCidr, decodeBase64]) parse(text);
    },
    isExpected: () => false,
  },
];
