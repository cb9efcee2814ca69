import { main } from "./cli/command.ts";
import { choice } from "./cli/flags.ts";
import { explainFlow, printMatrix } from "./reach/answer.ts";
import { readFlow } from "./reach/ends.ts";
import { readManifests } from "./reach/reading.ts";

await main({
  name: "reach",
  values: ["manifests", "from", "to", "port", "protocol", "output"],
  switches: ["matrix"],
  help: `
Explains which connections the NetworkPolicies of a directory allow, by what they mean together.

Usage: deno task reach --manifests DIR --from END --to END --port PORT [--protocol UDP]
       deno task reach --manifests DIR --matrix

  --manifests DIR        all YAML and JSON in it; manifests unless told
  --from, --to END       namespace/workload, or namespace/kind/workload where that is ambiguous;
                         an address outside of the cluster; or, for --to, the name of a host there
  --port PORT            1 to 65535: the pod's own port, not that of a Service before it
  --protocol PROTOCOL    TCP unless told, UDP or SCTP
  --matrix               lists every connection that is allowed, and no other
  --output text|json     for people, or for programs

The name of a host is not resolved: the answer is about any public address outside of the cluster.
A workload at both ends means two different pods of it. Replies are always allowed.

Examples:
  deno task reach --from analytics-jobs/bronze-ingest-manual --to eu2.contabostorage.com --port 443
  deno task reach --from analytics-jobs/bronze-ingest-manual --to robson/paradedb --port 5432
  deno task reach --from 203.0.113.7 --to robson/paradedb --port 5432
  deno task reach --manifests manifests --matrix --output json

Exit codes: 0 allowed, or the matrix was printed; 1 not allowed; 2 wrong usage, or an object that
the API server would refuse; 3 could not tell, as with broken YAML.
`,
  async run(flags) {
    const output = choice(flags, "output", ["text", "json"]);
    const question = flags.on("matrix") ? undefined : flags;
    const reading = await readManifests(flags.value("manifests") ?? "manifests");
    if (question === undefined) return printMatrix(reading, output, flags);
    return explainFlow(reading, readFlow(reading.cluster, question), output);
  },
});
