import { serve } from "../../../tasks/cli/confined.ts";

// Tests the permissions of a confined worker, and prints the names of the actions that succeeded.

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
    "reach the host that it needs": () => connect(allowed),
    "reach another port": () => connect(other),
    "read the file that it needs": () => Deno.readTextFile(file),
    "read another file": () => Deno.readTextFile("/etc/passwd"),
    "write the file that it needs": () => Deno.writeTextFile(file, "written"),
    "write another file": () => Deno.writeTextFile("/tmp/confined-probe", ""),
    "see a password": () => {
      if (Deno.env.get("DJANGO_DB_PASSWORD") === undefined) throw new Error("not set");
    },
    "run a program": () => new Deno.Command("true").output(),
    "import a module": () => import(new URL("./prompt_test.ts", import.meta.url).href),
  };
  const worked: string[] = [];
  for (const [name, attempt] of Object.entries(attempts)) {
    try {
      await attempt();
      worked.push(name);
    } catch {
      // only the permission is tested
    }
  }
  console.log(JSON.stringify(worked));
  return 7;
});
