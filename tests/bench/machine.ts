/** Describes the machine in one line: processor, memory, kernel, and the versions of what is measured. */
export async function describeMachine(postgres: string): Promise<string> {
  const { total } = Deno.systemMemoryInfo();
  const cores = navigator.hardwareConcurrency;
  return [
    `${await processor()}, ${cores} ${cores === 1 ? "core" : "cores"}`,
    `${Math.round(total / 2 ** 30)} GiB of memory`,
    `${Deno.build.os} ${Deno.osRelease()}`,
    `Deno ${Deno.version.deno}`,
    `Postgres ${postgres} on the same machine`,
  ].join(", ");
}

async function processor(): Promise<string> {
  // Deno shows this file only to a process with all permissions.
  const info = await outputOf("cat", "/proc/cpuinfo");
  const name = /^model name\s*: (.*)$/m.exec(info)?.[1] ??
    await outputOf("sysctl", "-n", "machdep.cpu.brand_string");
  return name.trim() || Deno.build.arch;
}

/** Returns the output of a program, or an empty text if the program does not exist or fails. */
async function outputOf(command: string, ...args: string[]): Promise<string> {
  try {
    const { stdout } = await new Deno.Command(command, { args, stderr: "null" }).output();
    return new TextDecoder().decode(stdout);
  } catch {
    return "";
  }
}
