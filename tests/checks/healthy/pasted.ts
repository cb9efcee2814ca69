import { type ManifestsFact, readFile } from "../../../checks/facts/manifests.ts";
import { isFields } from "../../../checks/kubernetes/fields.ts";
import { assertEquals } from "../../support/assert.ts";

interface Step {
  readonly op: "add" | "replace" | "remove" | "test";
  readonly path: string;
  readonly value?: unknown;
}

type Node = Record<string, unknown>;

/** An object as the API server stores it, for the few fields of the policies of the tests. */
function stored(value: unknown, key = ""): unknown {
  if (Array.isArray(value)) return value.map((item) => stored(item, key));
  if (!isFields(value)) return value;
  const fields = Object.entries(value).map(([name, each]) => [name, stored(each, name)])
    .filter(([, each]) => !Array.isArray(each) || each.length > 0);
  return { ...(key === "ports" ? { protocol: "TCP" } : {}), ...Object.fromEntries(fields) };
}

/** The object after a patch. A failed test refuses the patch. */
function patched(object: unknown, steps: readonly Step[]): unknown {
  const copy = stored(structuredClone(object));
  for (const { op, path, value } of steps) {
    const names = path.slice(1).split("/");
    const last = names.pop()!;
    const parent = names.reduce((node, name) => node[name] as Node, copy as Node);
    if (op === "test") {
      assertEquals((parent as Node)[last], value, `testing value ${path} failed: test failed`);
      continue;
    }
    if (!Array.isArray(parent)) {
      if (op === "remove") delete parent[last];
      else parent[last] = value;
    } else if (op === "add") {
      parent.splice(last === "-" ? parent.length : Number(last), 0, value);
    } else {
      parent.splice(Number(last), 1, ...(op === "remove" ? [] : [value]));
    }
  }
  return copy;
}

/** Returns whether kubectl would refuse to create a policy, because an object has its name. */
function isSame(
  { kind, namespace, name }: ManifestsFact["objects"][number],
  created: { readonly name: string; readonly namespace: string },
): boolean {
  return kind === "NetworkPolicy" && name === created.name && namespace === created.namespace;
}

const PATCH = /kubectl -n (\S+) patch networkpolicy (\S+) --type=json -p '(.*)'/;

/** The steps of the patch of a fix that change something, as JSON; without a patch, the fix. */
export function changesIn(fix: string): string {
  const patch = PATCH.exec(fix)?.[3];
  if (patch === undefined) return fix;
  const steps: Step[] = JSON.parse(patch);
  return JSON.stringify(steps.filter(({ op }) => op !== "test"));
}

/** The manifests after the command of a fix. */
export function pasted(fact: ManifestsFact, fix: string): ManifestsFact {
  const [, namespace, name, steps] = PATCH.exec(fix) ?? [];
  const applied = [...fix.matchAll(/printf '%s\\n' '(.*?)' \| kubectl create -f -/g)].map((
    [, text],
  ) => JSON.parse(text!));
  const [, deleted] = /delete networkpolicy (\S+)/.exec(fix) ?? [];
  for (const { metadata } of applied) {
    assertEquals(fact.objects.some((each) => isSame(each, metadata)), false, fix);
  }
  const objects = fact.objects.filter((each) => each.name !== deleted).map(({ value, ...each }) =>
    steps !== undefined && each.name === name && each.namespace === namespace
      ? patched(value, JSON.parse(steps))
      : value
  );
  objects.push(...applied);
  const text = objects.map((each) => JSON.stringify(each)).join("\n");
  return { directory: "manifests", files: 1, ...readFile("all.yaml", text) };
}
