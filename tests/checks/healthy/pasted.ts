import { type ManifestsFact, readFile } from "../../../checks/facts/manifests.ts";
import { assertEquals } from "../../support/assert.ts";

interface Step {
  readonly op: "add" | "replace" | "remove";
  readonly path: string;
  readonly value?: unknown;
}

type Node = Record<string, unknown>;

function patched(object: unknown, steps: readonly Step[]): unknown {
  const copy = structuredClone(object);
  for (const { op, path, value } of steps) {
    const names = path.slice(1).split("/");
    const last = names.pop()!;
    const parent = names.reduce((node, name) => node[name] as Node, copy as Node);
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

/** The manifests after the command of a fix. */
export function pasted(fact: ManifestsFact, fix: string): ManifestsFact {
  const [, namespace, name, steps] =
    /kubectl -n (\S+) patch networkpolicy (\S+) --type=json -p '(.*)'/.exec(fix) ?? [];
  const applied = [...fix.matchAll(/echo '(.*?)' \| kubectl create -f -/g)].map(([, text]) =>
    JSON.parse(text!)
  );
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
