/**
 * Yields the lines of a text that arrives in pieces, without line breaks. The last line does not
 * need one.
 */
export async function* linesOf(body: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest: string[] = [];
  for await (const piece of body) {
    const [first = "", ...others] = decoder.decode(piece, { stream: true }).split("\n");
    rest.push(first);
    for (const next of others) {
      yield rest.join("");
      rest = [next];
    }
  }
  rest.push(decoder.decode());
  const last = rest.join("");
  if (last !== "") yield last;
}
