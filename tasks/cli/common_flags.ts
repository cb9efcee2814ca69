// The flags that every command has. They are read from the arguments of the process, which a worker also
// has, so no order must contain them.

/** The switches of every command. */
export const COMMON_SWITCHES = ["help", "version", "quiet", "verbose", "no-color"] as const;

/** The short names of flags. `-o` is for commands with `--output`. */
export const SHORT_NAMES: Readonly<Record<string, string>> = {
  h: "help",
  o: "output",
  q: "quiet",
  v: "verbose",
};

/** The lines of every `--help` about these flags. */
export const COMMON_HELP = `
Flags of every command:
  -h, --help             print this text; --version prints the version
  -q, --quiet            print only the result, warnings and errors
  -v, --verbose          print more, and each request to a server on standard error
  --no-color             print no colours, as with NO_COLOR=1 in the environment`.slice(1);

/** Returns whether the command line has `--quiet`: only the result, warnings and errors are printed. */
export function isQuiet(args: readonly string[] = Deno.args): boolean {
  return hasSwitch("quiet", "q", args);
}

/** Returns whether the command line has `--verbose`. */
export function isVerbose(args: readonly string[] = Deno.args): boolean {
  return hasSwitch("verbose", "v", args);
}

/** Returns whether the command line has `--no-color`. */
export function isColourless(args: readonly string[] = Deno.args): boolean {
  return args.includes("--no-color");
}

function hasSwitch(name: string, letter: string, args: readonly string[]): boolean {
  const letters = new RegExp(`^-[hqv]*${letter}[hqv]*$`);
  return args.some((word) => word === `--${name}` || letters.test(word));
}
