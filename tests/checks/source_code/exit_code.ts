/** Runs code with `-c` of a program such as `bash`, with these variables, and returns its exit code. */
export async function exitCodeOf(
  program: string,
  code: string,
  env: Record<string, string>,
): Promise<number> {
  const command = new Deno.Command(program, {
    // Python starts faster without its site packages.
    args: [...(program === "python3" ? ["-S"] : []), "-c", code],
    clearEnv: true,
    env: { PATH: Deno.env.get("PATH")!, HOME: "/", ...env },
    stdin: "null",
    stdout: "null",
    stderr: "null",
  });
  return (await command.output()).code;
}
