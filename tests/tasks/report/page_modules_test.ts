import { readTemplate } from "../../../tasks/report/template.ts";
import { assertEquals } from "../../support/assert.ts";

Deno.test("readTemplate: the modules of the page declare each name once, and are one valid script", async () => {
  const { scripts } = await readTemplate(undefined, false);
  const script = scripts.at(-1)!;
  new Function(script); // throws if two modules declare one name
  const names = [...script.matchAll(/^(?:async )?(?:function\*?|const|let|class) (\w+)/gm)]
    .map(([, name]) => name!);
  assertEquals(names.filter((name, i) => names.indexOf(name) !== i), []);
});
