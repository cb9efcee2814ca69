import { piecesOf } from "../../../checks/report/fix_pieces.ts";
import { assertEquals } from "../../support/assert.ts";

const CASES: readonly (readonly [fix: string, commands: string[]])[] = [
  ["kubectl uncordon node-1", ["kubectl uncordon node-1"]],
  ["Put the value in quotes.", []],
  ["Keep in Role jobs/spark only the permissions that deno task explain rbac lists.", []],
  ["Download the jar again, with curl --fail and sha256sum --check.", []],
  ['Allow the address that "kubectl get endpoints kubernetes" prints, or allow all.', []],
  [
    "Ask its owner, then: COMMIT PREPARED 'a; b'; or ROLLBACK PREPARED 'a; b';",
    ["COMMIT PREPARED 'a; b';", "ROLLBACK PREPARED 'a; b';"],
  ],
  [
    "Let it finish, or end it: SELECT pg_terminate_backend(7); then run again.",
    ["SELECT pg_terminate_backend(7);"],
  ],
  [
    "Let a superuser run: GRANT USAGE ON SCHEMA s TO me; GRANT SELECT ON s.t TO me;",
    ["GRANT USAGE ON SCHEMA s TO me;", "GRANT SELECT ON s.t TO me;"],
  ],
  [
    "Let a superuser run: GRANT pg_read_all_stats TO me; then: deno task run --date 2025-12-28",
    ["GRANT pg_read_all_stats TO me;", "deno task run --date 2025-12-28"],
  ],
  [
    "Check that this is the right cluster: kubectl config current-context. If so: " +
    "kubectl create namespace a && kubectl label namespace a name=a",
    [
      "kubectl config current-context",
      "kubectl create namespace a && kubectl label namespace a name=a",
    ],
  ],
  [
    "Insert them again: deno task show quarantine --date 2025-12-28 Then run: deno task amend",
    ["deno task show quarantine --date 2025-12-28", "deno task amend"],
  ],
  [
    'Remove the rule: kubectl -n a patch networkpolicy b --type=json -p \'[{"op":"add"}, 1. A]\'',
    ['kubectl -n a patch networkpolicy b --type=json -p \'[{"op":"add"}, 1. A]\''],
  ],
  [
    "printf '%s\\n' '{\"a\":\"it'\\''s. Then or\"}' | kubectl create -f -",
    ["printf '%s\\n' '{\"a\":\"it'\\''s. Then or\"}' | kubectl create -f -"],
  ],
  [
    "kubectl -n a patch networkpolicy b \\\n  --type=json\nkubectl get pods",
    ["kubectl -n a patch networkpolicy b \\\n  --type=json", "kubectl get pods"],
  ],
  [
    "Log in: docker --config ./login login r && rm -r ./login Then add to the pod: a: b",
    ["docker --config ./login login r && rm -r ./login"],
  ],
  ["Render it: helm template x | deno task preflight --manifests -", [
    "helm template x | deno task preflight --manifests -",
  ]],
  ["Apply it: kubectl apply -f manifests/a.yaml.", ["kubectl apply -f manifests/a.yaml"]],
  ["Add to the manifests:\nkind: A\nspec:\n  a: echo b\n\nIn Job b, remove spec.c", [
    "kind: A\nspec:\n  a: echo b",
  ]],
];

for (const [fix, commands] of CASES) {
  Deno.test(`piecesOf: ${JSON.stringify(fix)}`, () => {
    const pieces = piecesOf(fix);
    assertEquals(
      pieces.filter(({ kind }) => kind === "command").map(({ text }) => text),
      commands,
    );
    assertEquals(pieces.map(({ text }) => text).join(""), fix, "all pieces are the fix");
  });
}
