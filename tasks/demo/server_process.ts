/** A server that was started, and ends with the process that started it. */
export interface ServerProcess {
  readonly pid: number;
  /** Resolves when the server has ended, for whatever reason, and its folder is gone. */
  readonly ended: Promise<void>;
  /** Asks the server to end, and waits until it has. */
  stop(): Promise<void>;
}

/** How to start a server. */
export interface ServerOptions {
  /** Program and arguments; the program stays in the foreground. */
  readonly command: readonly [string, ...string[]];
  /** Where its output goes, a file that its user may write. */
  readonly log: string;
  /** A folder that is removed after the server has ended. */
  readonly remove?: string;
  /** The user that it runs as, where that is not this process's own. */
  readonly user?: { readonly uid: number; readonly gid: number };
  readonly env?: Record<string, string>;
}

// The shell holds the other end of a pipe to us. When that pipe closes, because we closed it or
// because we were killed, the server is told to end, again and again since it may not listen yet, and
// killed if it has not after ten seconds. Shell and watcher both clean up: one may be killed alone.
const SUPERVISOR = `
log=$1 remove=$2; shift 2
exec 3<&0
"$@" </dev/null >>"$log" 2>&1 3<&- &
server=$!
(
  read -r _ <&3
  tries=0
  while kill -s INT $server && [ $tries -lt 100 ]; do sleep 0.1; tries=$((tries + 1)); done
  kill -s KILL $server
  if [ -n "$remove" ]; then rm -rf "$remove"; fi
) >/dev/null 2>&1 &
watcher=$!
wait $server
kill $watcher 2>/dev/null
if [ -n "$remove" ]; then rm -rf "$remove"; fi
`;

/** Starts a server that ends when this process does, also when this process is killed. */
export function startServer(options: ServerOptions): ServerProcess {
  const { command, log, remove = "", user, env } = options;
  const child = new Deno.Command("/bin/sh", {
    args: ["-c", SUPERVISOR, "server", log, remove, ...command],
    stdin: "piped",
    stdout: "null",
    stderr: "null",
    cwd: "/",
    detached: true, // Ctrl-C at the terminal is for us; we then stop the server in order
    ...(user ?? {}),
    ...(env ? { env } : {}),
  }).spawn();
  child.unref(); // a server that nobody waits for does not keep us alive
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
