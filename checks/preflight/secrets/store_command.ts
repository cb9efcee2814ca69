import {
  DATABASE_SECRET,
  JOBS_NAMESPACE,
  LAKE_SECRET,
} from "../../../pipeline/contract/platform.ts";

/** How values get into a Secret of the cluster without a shell that changes them. */
export function storing(
  { namespace = "default", name }: {
    readonly namespace?: string | undefined;
    readonly name: string;
  },
  keys: readonly string[],
): string {
  const isOurs = [DATABASE_SECRET, LAKE_SECRET].includes(name);
  if (isOurs && namespace === JOBS_NAMESPACE) {
    return "from the environment or a hidden prompt, with no shell in between: deno task secrets";
  }
  const files = keys.map((key) => `--from-file=${key}=<file>`).join(" ");
  return `from a file that holds just the value: kubectl -n ${namespace} create secret generic ` +
    `${name} ${files} --dry-run=client -o yaml | kubectl apply -f -`;
}
