import { serve } from "../../../tasks/cli/confined.ts";
import { readyThread } from "../../support/ready_thread.ts";

// Tries actions as a confined worker, and prints the names of those that worked.

interface Order {
  readonly file: string;
  readonly allowed: number;
  readonly other: number;
}

serve(async ({ file, allowed, other }: Order) => {
  const connect = async (port: number) => {
    (await Deno.connect({ hostname: "127.0.0.1", port })).close();
  };
  const attempts: Record<string, () => unknown> = {
    "reach the granted host": () => connect(allowed),
    "reach another port": () => connect(other),
    "read the granted file": () => Deno.readTextFile(file),
    "read another file": () => Deno.readTextFile("/etc/passwd"),
    "write the granted file": () => Deno.writeTextFile(file, "written"),
    "write another file": () => Deno.writeTextFile("/tmp/confined-probe", ""),
    "see a password": () => {
      if (Deno.env.get("DJANGO_DB_PASSWORD") === undefined) throw new Error("not set");
    },
    "run a program": () => new Deno.Command("true").output(),
    "use a second thread": async () => {
      using thread = await readyThread();
      if (!thread.isReady) throw new Error("not ready");
    },
    "import a module": () => import(new URL("./prompt_test.ts", import.meta.url).href),
  };
  const worked: string[] = [];
  for (const [name, attempt] of Object.entries(attempts)) {
    try {
      await attempt();
      worked.push(name);
    } catch {
      // an error means that the attempt failed
    }
  }
  console.log(JSON.stringify(worked));
  return 7;
});
