import { didYouMean, similarWord } from "../../../tasks/cli/suggestion.ts";
import { assertEquals } from "../../support/assert.ts";

Deno.test("similarWord: finds the word with the fewest changed letters", () => {
  assertEquals(similarWord("brnze", ["silver", "bronze"]), "bronze");
  assertEquals(similarWord("--ouput", ["--to", "--output"]), "--output");
  assertEquals(similarWord("JSON", ["text", "json"]), "json");
});

Deno.test("similarWord: finds the only word that begins like the text", () => {
  assertEquals(similarWord("post", ["preflight", "postflight"]), "postflight");
  assertEquals(similarWord("p", ["postflight"]), undefined);
  assertEquals(similarWord("image", ["image-pull", "image-deps"]), undefined);
});

Deno.test("similarWord: finds nothing if more than a third of the letters differ", () => {
  assertEquals(similarWord("xml", ["text", "json"]), undefined);
  assertEquals(similarWord("", ["on", "off"]), undefined);
  assertEquals(similarWord("yaml", ["text", "json", "html"]), undefined);
  assertEquals(similarWord("shwo", ["show", "serve"]), "show"); // half of the letters, and an s
  assertEquals(didYouMean("build", ["bronze", "silver"]), "");
  assertEquals(didYouMean("brnze", ["bronze"]), "Did you mean bronze? ");
});
