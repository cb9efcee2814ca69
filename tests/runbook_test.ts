import { lexer, type Token } from "marked";
import { POSTFLIGHT } from "../checks/postflight/catalog.ts";
import { PREFLIGHT } from "../checks/preflight/catalog.ts";
import { DEFAULT_PROJECT } from "../pipeline/contract/project.ts";
import { COMMAND_PAGES, GUIDE, LOG_IN, topics } from "../tasks/explain/pages.ts";
import { renderPage } from "../tasks/explain/render.ts";
import { type Block, blocksOf, isDestructive, isMarked } from "./runbook/blocks.ts";
import { assert, assertEquals, assertMatch, assertStringIncludes } from "./support/assert.ts";

const RUNBOOK = new URL("../runbook/", import.meta.url);

/** Each page by its name. The first one is README.md. */
const pages = new Map<string, string>();
for (const { name } of [...Deno.readDirSync(RUNBOOK)].sort((a, b) => a.name < b.name ? -1 : 1)) {
  const page = name === "README.md" ? GUIDE : name.replace(/\.md$/, "");
  pages.set(page, Deno.readTextFileSync(new URL(name, RUNBOOK)));
}
const [guide, ...others] = [...pages];

/** The tasks that deno.json has. */
const TASKS = JSON.parse(await Deno.readTextFile(new URL("../deno.json", import.meta.url))).tasks;

Deno.test("runbook: every page has a topic, and every topic has its pages", () => {
  const listed = topics().flatMap((topic) => [...topic.pages.keys()]);
  assertEquals([...pages.keys(), LOG_IN].sort(), [...listed].sort());
  assertEquals(new Set(listed).size, listed.length);
  for (const { id } of [...PREFLIGHT, ...POSTFLIGHT]) assert(pages.has(id), id);
  for (const name of COMMAND_PAGES.keys()) assert(name in TASKS, `deno.json has no task ${name}`);
});

Deno.test("runbook: README.md links to every page", () => {
  for (const [name] of others) assertStringIncludes(guide![1], `](${name}.md)`);
});

Deno.test("runbook: each section of README.md sets the variables of its blocks, so it can be pasted alone", () => {
  const known = new Map<string, Set<string>>();
  const unknown: string[] = [];
  for (const { section, language, text } of blocksOf(guide![1])) {
    if (language !== "sh") continue;
    const names = known.get(section) ?? new Set();
    known.set(section, names);
    for (
      const [, set, used] of unquoted(text).matchAll(
        /\b(?:export|for) ([A-Za-z_]+)(?:=| in )|\$\{?(\w+)/g,
      )
    ) {
      if (set !== undefined) names.add(set);
      else if (!names.has(used!)) unknown.push(`${section}: ${used}`);
    }
  }
  assert(known.size > 5);
  assertEquals(unknown, []);
});

/** The block without what the shell takes as it is, as in the program of perl. */
function unquoted(text: string): string {
  return text.replace(/'[^']*'/g, "''");
}

for (const [name, page] of others) {
  Deno.test(`runbook: the page ${name} has the five sections, and says whether it can wait`, () => {
    const headings = page.split("\n").filter((line) => /^##? /.test(line));
    assertEquals(headings, [
      `# ${name}`,
      "## Meaning",
      "## Impact",
      "## Diagnosis",
      "## Fix",
      "## How to verify",
    ]);
    assertMatch(page, /\n## Impact\n\n\*\*Can it wait until morning\?\*\* (Yes|No)\. /);
    const sections = blocksOf(page).filter(({ language }) => language === "sh")
      .map(({ section }) => section);
    for (const section of ["Diagnosis", "How to verify"]) {
      assert(sections.includes(section), `${section} has no command`);
    }
  });
}

for (const { id } of [...PREFLIGHT, ...POSTFLIGHT]) {
  Deno.test(`runbook: the page of the check ${id} verifies the fix with that check`, () => {
    const page = pages.get(id)!;
    const [, end = ""] = page.split("\n## How to verify\n");
    assertMatch(end, new RegExp(`exits with 0 and shows\\s\`PASS ${id}\``));
    if (PREFLIGHT.some((check) => check.id === id)) {
      assertStringIncludes(end, `deno task preflight --only ${id}\n`);
    }
    if (POSTFLIGHT.some((check) => check.id === id)) {
      assertStringIncludes(end, 'deno task postflight "$DAY"');
    }
  });
}

/** The blocks of all pages that an operator pastes into a shell. */
const shell: readonly (readonly [page: string, block: Block])[] = [...pages].flatMap((
  [name, page],
) =>
  blocksOf(page).filter(({ language }) => language === "sh").map((block) => [name, block] as const)
);

Deno.test("runbook: commands are in blocks of sh, and other blocks are YAML or JSON", () => {
  const languages = [...pages.values()].flatMap((page) =>
    blocksOf(page).map(({ language }) => language)
  );
  assertEquals([...new Set(languages)].sort(), ["json", "sh", "yaml"]);
});

Deno.test("runbook: no code span is broken over lines", () => {
  const spans = (tokens: readonly Token[]): string[] =>
    tokens.flatMap((token) => {
      if (token.type === "codespan") return [token.raw];
      const { tokens = [], items = [] } = token as { tokens?: Token[]; items?: Token[] };
      return [...spans(tokens), ...spans(items)];
    });
  for (const [name, page] of pages) {
    assertEquals(spans(lexer(page)).filter((span) => span.includes("\n")), [], name);
  }
});

Deno.test("runbook: blocks can be pasted: they have no placeholder and no prompt", () => {
  for (const [name, { text }] of shell) {
    const found = /<[a-z_.]+>|…|\.\.\.|^\$ /m.exec(text);
    assertEquals(found?.[0], undefined, `${name}: ${text}`);
  }
});

/** The variables that the page `guide` sets, and those of the shell. */
const KNOWN = new Set([
  ...["DJANGO_DB_HOST", "DJANGO_DB_PORT", "DJANGO_DB_NAME", "DJANGO_DB_USER"],
  ...["DJANGO_DB_PASSWORD", "S3_ENDPOINT", "S3_BUCKET"],
]);

for (const [name, page] of pages) {
  Deno.test(`runbook: the blocks of the page ${name} set a variable before they use it`, () => {
    const known = new Set(KNOWN);
    for (const { text, language } of blocksOf(page)) {
      if (language !== "sh") continue;
      for (const line of unquoted(text).split("\n")) {
        const used = [...line.matchAll(/(?<!\\)\$\{?([A-Za-z_]\w*)/g)].map((match) => match[1]!);
        assertEquals(used.filter((each) => !known.has(each)), [], line);
        for (const [, each] of line.matchAll(/(?:export |for | )([A-Za-z_]\w*)(?==| in )/g)) {
          known.add(each!);
        }
      }
    }
  });
}

Deno.test("runbook: a line marks each block that removes or replaces something, and no other", () => {
  let count = 0;
  for (const [name, block] of shell) {
    assertEquals(isMarked(block), isDestructive(block), `${name}: ${block.text}`);
    if (isMarked(block)) count++;
  }
  assert(count >= 8, `${count} destructive blocks`);
  for (const [name, page] of pages) {
    const marks = [...page.matchAll(/^\*\*Destructive:\*\*/gm)].length;
    assertEquals(blocksOf(page).filter(isMarked).length, marks, name);
  }
});

Deno.test("runbook: no block prints the value of a Secret", () => {
  const prints =
    /get secrets? .*-o|\.data\b|base64 (-d|--decode)|printenv|(^|; )env\b|echo .*(PASSWORD|SECRET)/;
  for (const [name, { text }] of shell) {
    for (const line of text.split("\n")) {
      assert(!prints.test(line) && !/\bset -x/.test(line), `${name}: ${line}`);
    }
  }
});

Deno.test("runbook: the blocks have the names of the default platform", () => {
  for (const [name, page] of pages) {
    const rendered = blocksOf(renderPage(page, DEFAULT_PROJECT)).map(({ text }) => text);
    const plain = (text: string) => text.replace(/ +#.*$/gm, "");
    blocksOf(page).forEach(({ text, language }, i) => {
      if (language === "sh") assertEquals(plain(rendered[i]!), plain(text), name);
    });
  }
});
