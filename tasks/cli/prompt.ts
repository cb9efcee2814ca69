import { Failure } from "../../pipeline/errors.ts";
import { ask, clearStatus } from "./terminal.ts";

/**
 * Asks somebody at a terminal. Each answer is undefined where the input has come to its end. With the
 * end of its block the terminal is as it was.
 */
export interface Prompt extends Disposable {
  /** Asks for a line. */
  line(question: string): Promise<string | undefined>;
  /** Asks for a line that is not shown while it is typed. */
  hidden(question: string): Promise<string | undefined>;
}

/** Whether there is somebody to ask. */
export function canAsk(): boolean {
  return Deno.stdin.isTerminal();
}

/**
 * Opens the terminal for questions.
 *
 * @param signal ends a question when it aborts, which then throws
 */
export function openPrompt(signal: AbortSignal): Prompt {
  const decoder = new TextDecoder();
  let rest = "";
  const read = async (): Promise<string | undefined> => {
    const bytes = new Uint8Array(1024);
    const count = await unlessAborted(Deno.stdin.read(bytes), signal);
    return count === null ? undefined : decoder.decode(bytes.subarray(0, count), { stream: true });
  };
  /** What is typed behind the end of a line, as when several are pasted, belongs to the next one. */
  const lineOf = async (edit: (typed: string) => string): Promise<string | undefined> => {
    for (let typed = rest;;) {
      // deno-lint-ignore no-control-regex
      const end = typed.search(/[\r\n\x04]/);
      if (end >= 0) {
        rest = typed.slice(end + 1);
        const text = edit(typed.slice(0, end));
        return typed[end] === "\x04" && text === "" ? undefined : text;
      }
      const more = await read();
      if (more === undefined) return undefined;
      typed += more;
    }
  };
  let isHidden = false;
  const hide = (wanted: boolean) => {
    // Ctrl-C still means what it always does.
    if (wanted !== isHidden) Deno.stdin.setRaw(wanted, { cbreak: true });
    isHidden = wanted;
  };
  return {
    async line(question) {
      hide(false);
      ask(question);
      return await lineOf((typed) => typed);
    },
    async hidden(question) {
      // First of all: a terminal shows what is typed before. For the same reason it stays so between
      // two such questions.
      hide(true);
      ask(question);
      const answer = await lineOf(edited);
      ask("\n");
      return answer;
    },
    [Symbol.dispose]: () => hide(false),
  };
}

/**
 * Asks whether to go on.
 *
 * @param question as in `Apply 2 changes to kind?`
 * @throws {Failure} configuration: there is no terminal
 */
export async function agreed(question: string, signal: AbortSignal): Promise<boolean> {
  if (!canAsk()) {
    throw new Failure({
      kind: "configuration",
      task: `ask ${JSON.stringify(question)}`,
      problem: "there is no terminal",
      remedy: "Add --yes to go on without being asked.",
    });
  }
  clearStatus();
  using prompt = openPrompt(signal);
  const answer = await prompt.line(`${question} [y/N] `);
  return /^\s*y(es)?\s*$/i.test(answer ?? "");
}

/**
 * What a terminal would make of keys that it is not asked to look at: backspace takes away a character,
 * Ctrl-U all of them, and arrows and the like are none.
 */
export function edited(typed: string): string {
  // deno-lint-ignore no-control-regex
  const keys = typed.replace(/\x1b(\[[0-9;?]*[ -/]*[@-~]|O.)?/g, "");
  const text: string[] = [];
  for (const key of keys) {
    if (key === "\x7f" || key === "\b") text.pop();
    else if (key === "\x15") text.length = 0;
    else text.push(key);
  }
  return text.join("");
}

async function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted();
  const { promise, reject } = Promise.withResolvers<never>();
  const abort = () => reject(signal.reason);
  signal.addEventListener("abort", abort);
  try {
    return await Promise.race([work, promise]);
  } finally {
    signal.removeEventListener("abort", abort);
  }
}
