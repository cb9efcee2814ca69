import type { Kept } from "../kept.ts";
import { until } from "../until.ts";
import type { Machine } from "./machine.ts";

// What a node could leave on this machine. A shell looks, because Deno keeps /proc from the tests.

/** Milliseconds in which a killed node has to be gone from a busy machine. */
const PATIENCE = 120_000;

/** A cluster with a real node, and what is known of it only as long as it runs. */
export interface Traceable extends Kept {
  readonly machine: Machine;
  /** The process namespace of all its processes. */
  readonly processes: string;
  /** The process that holds up its namespaces. */
  readonly holder: number;
}

/** Returns a running node with what is needed to find its traces after its end. */
export async function traceable(kept: Kept): Promise<Traceable> {
  const { machine } = kept;
  if (machine === undefined) throw new Error("The cluster has no real node.");
  const script = 'readlink "/proc/$1/ns/pid"; sed -n "s/^PPid:[[:space:]]*//p" "/proc/$1/status"';
  const [processes, holder] = (await sh(script, String(machine.pid))).split("\n");
  return { ...kept, machine, processes: processes!, holder: Number(holder) };
}

/** Returns the interfaces of this machine, and settings that a kubelet would change. */
export async function stateOfMachine(): Promise<string> {
  return await sh(`
    ls /sys/class/net
    cd /proc/sys && grep . vm/overcommit_memory kernel/panic kernel/panic_on_oops kernel/hostname
  `);
}

/** Waits until a node has left no process, cgroup, mount and folder. */
export async function nothingIsLeft(node: Traceable): Promise<void> {
  let left = "";
  const isNothing = async () => (left = await tracesOf(node)) === "";
  await until("nothing of the node is left", isNothing, AbortSignal.timeout(PATIENCE))
    .catch((error) => {
      throw new Error(`${error.message} Left:\n${left}`);
    });
}

async function tracesOf({ processes, folder, machine: { cgroup } }: Traceable): Promise<string> {
  return await sh(TRACES, processes, folder, cgroup.slice(1));
}

/** Prints the processes in the node's namespace or with its folder, cgroups, mounts and the folder. */
const TRACES = `
  for p in /proc/[0-9]*; do
    command=$(tr '\\0\\n' '  ' <"$p/cmdline" 2>/dev/null) || continue
    [ "\${p#/proc/}" != $$ ] || continue
    case "$(readlink "$p/ns/pid") $command" in
      "$1 "*|*" $2/"*|*"=$2"*) echo "process \${p#/proc/} $command" ;;
    esac
  done
  find /sys/fs/cgroup -maxdepth 2 -name "$3"
  grep -F "$2" /proc/self/mountinfo
  [ ! -e "$2" ] || echo "$2"
`;

async function sh(script: string, ...args: string[]): Promise<string> {
  const command = new Deno.Command("sh", { args: ["-c", script, "sh", ...args], stderr: "null" });
  return new TextDecoder().decode((await command.output()).stdout);
}
