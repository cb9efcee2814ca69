import { Failure, unlessAborted } from "../../pipeline/errors.ts";
import type { Flags } from "./flags.ts";
import { ask, clearStatus } from "./terminal.ts";

/**
 * Asks questions at a terminal. An answer is undefined at the end of the input. Disposing of the prompt
 * restores the terminal.
 */
export interface Prompt extends Disposable {
  /** Asks for a line. */
  line(question: string): Promise<string | undefined>;
  /** Asks for a line without echo, for example for a password. */
  hidden(question: string): Promise<string | undefined>;
}

/** Returns whether standard input is a terminal. */
export function canAsk(): boolean {
  return Deno.stdin.isTerminal();
}

/**
 * Opens the terminal for questions.
 *
 * @param signal ends a question with an error when it aborts
 */
export function openPrompt(signal: AbortSignal): Prompt {
  const decoder = new TextDecoder();
  let rest = "";
  const read = async (): Promise<string | undefined> => {
    const bytes = new Uint8Array(1024);
    const count = await unlessAborted(Deno.stdin.read(bytes), signal);
    return count === null ? undefined : decoder.decode(bytes.subarray(0, count), { stream: true });
  };
  /** Input after the end of a line, for example from pasted text, is kept for the next question. */
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
    // With `cbreak`, Ctrl-C still interrupts.
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
      // Turn echo off before the question, and keep it off between hidden questions: the terminal
      // echoes early input.
      hide(true);
      ask(question);
      const answer = await lineOf(applyEditing);
      ask("\n");
      return answer;
    },
    [Symbol.dispose]: () => hide(false),
  };
}

/**
 * Refuses `--output json` without `--yes`, because an operator could not read what the question is about.
 *
 * @throws {Failure} configuration: there is no `--yes`
 */
export function confirmNoQuestion(flags: Flags): void {
  if (flags.on("yes")) return;
  throw new Failure({
    kind: "configuration",
    task: "use --output json without --yes",
    problem: "the command would ask about changes that only a program can read",
    remedy: "Add --yes, or leave out --output json.",
  });
}

/**
 * Asks whether to continue.
 *
 * @param question for example `Apply 2 changes to kind?`
 * @throws {Failure} configuration: there is no terminal
 */
export async function askToContinue(question: string, signal: AbortSignal): Promise<boolean> {
  if (!canAsk()) {
    throw new Failure({
      kind: "configuration",
      task: `ask ${JSON.stringify(question)}`,
      problem: "there is no terminal",
      remedy: "Add --yes to continue without confirmation.",
    });
  }
  clearStatus();
  using prompt = openPrompt(signal);
  const answer = await prompt.line(`${question} [y/N] `);
  return /^\s*y(es)?\s*$/i.test(answer ?? "");
}

/**
 * Applies the editing keys in a hidden line: backspace removes a character, Ctrl-U removes all, and
 * arrow keys and other escape sequences are ignored.
 */
export function applyEditing(typed: string): string {
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
