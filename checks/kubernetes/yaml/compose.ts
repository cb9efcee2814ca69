import { Composer, type Document, type LineCounter, Parser } from "yaml";
import { Inconvertible } from "./inconvertible.ts";

/** Brackets that nest this deep overflow the parser's stack, after many seconds. */
const HOPELESS = /(?:[[{]\s*){1000}/;

type Place = number | readonly number[] | { readonly offset: number };

interface Errors {
  onError: (place: Place, code: string, message: string, warning?: boolean) => void;
}

/**
 * Parses YAML, with every scalar left as it is written, up to the first error: the parser would go on
 * and collect them all, which takes half a minute where a whole file is one error after the other.
 * Nor does it look for duplicate keys, for which it takes quadratic time.
 *
 * @throws {Inconvertible} it is no YAML, or nested too deeply
 */
export function* compose(text: string, counter: LineCounter): Generator<Document.Parsed> {
  if (HOPELESS.test(text)) throw new Inconvertible("it is nested too deeply", 0);
  const composer = new Composer({ schema: "failsafe", uniqueKeys: false });
  const errors = composer as unknown as Errors;
  let first: Inconvertible | undefined;
  errors.onError = (place, _code, message, warning) => {
    if (warning) return;
    // The composer catches what is thrown here, and reports it anew for the node around the place.
    first ??= new Inconvertible(worded(message), offsetOf(place));
    throw first;
  };
  try {
    const tokens = new Parser(counter.addNewLine).parse(text);
    for (const document of composer.compose(tokens, false, text.length)) {
      // What the composer notes on its own way.
      const [error] = document.errors;
      if (error !== undefined) throw new Inconvertible(worded(error.message), error.pos[0]);
      yield document as Document.Parsed;
    }
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new Inconvertible("it is nested too deeply", 0);
  }
}

function worded(message: string): string {
  if (message.includes("call stack")) return "it is nested too deeply";
  const line = message.replace(/\s+/g, " ").replace(/[.:]$/, "");
  return `${line[0]!.toLowerCase()}${line.slice(1)}`;
}

function offsetOf(place: Place): number {
  if (typeof place === "number") return place;
  return "offset" in place ? place.offset : place[0] ?? 0;
}
