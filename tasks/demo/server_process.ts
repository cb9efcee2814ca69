/** A server that ends when the process that started it ends. */
export interface ServerProcess {
  readonly pid: number;
  /** Resolves when the server has ended, for any reason, and its folder is removed. */
  readonly ended: Promise<void>;
  /** Ends the server, and waits until it has ended. */
  stop(): Promise<void>;
}

/** Options of {@linkcode startServer}. */
export interface ServerOptions {
  /** Program and arguments; the program stays in the foreground. */
  readonly command: readonly [string, ...string[]];
  /** The file for the output, writable for the server's user. */
  readonly log: string;
  /** A folder to remove after the server has ended. */
  readonly remove?: string;
  /** The user of the server; by default the user of this process. */
  readonly user?: { readonly uid: number; readonly gid: number };
  readonly env?: Record<string, string>;
}

// A pipe connects this process with the shell. The pipe closes when this process stops the server or is
// killed. The watcher then sends SIGINT repeatedly, because the server may ignore the first ones. After
// a second, it sends SIGTERM, because a shell starts a program in the background with SIGINT ignored.
// After ten seconds, it sends SIGKILL. Shell and watcher both remove the folder, because one may be
// killed alone.
const SUPERVISOR = `
log=$1 remove=$2; shift 2
exec 3<&0
"$@" </dev/null >>"$log" 2>&1 3<&- &
server=$!
(
  read -r _ <&3
  tries=0 signal=INT
  while kill -s $signal $server && [ $tries -lt 100 ]; do
    sleep 0.1
    tries=$((tries + 1))
    if [ $tries -ge 10 ]; then signal=TERM; fi
  done
  kill -s KILL $server
  if [ -n "$remove" ]; then rm -rf "$remove"; fi
) >/dev/null 2>&1 &
watcher=$!
wait $server
kill $watcher 2>/dev/null
if [ -n "$remove" ]; then rm -rf "$remove"; fi
`;

/** Starts a server that ends when this process ends, even if this process is killed. */
export function startServer(options: ServerOptions): ServerProcess {
  const { command, log, remove = "", user, env } = options;
  const child = new Deno.Command("/bin/sh", {
    args: ["-c", SUPERVISOR, "server", log, remove, ...command],
    stdin: "piped",
    stdout: "null",
    stderr: "null",
    cwd: "/",
    detached: true, // Ctrl-C must not reach the server: this process stops the server in order
    ...(user ?? {}),
    ...(env ? { env } : {}),
  }).spawn();
  child.unref(); // the server alone does not keep this process alive
  const ended = child.status.then(() => {});
  let closing: Promise<void> | undefined;
  return {
    pid: child.pid,
    ended,
    stop() {
      closing ??= child.stdin.close().catch(() => {});
      child.ref();
      return closing.then(() => ended);
    },
  };
}
