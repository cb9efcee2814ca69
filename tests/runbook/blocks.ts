import { lexer, type Token, type Tokens } from "marked";

/** A fenced block of a page. */
export interface Block {
  /** The heading of its section, such as `Fix`. */
  readonly section: string;
  /** The language of the fence, such as `sh`. */
  readonly language: string;
  readonly text: string;
  /** The paragraph right before the block; empty if there is none. */
  readonly before: string;
}

/** Returns the fenced blocks of a page, in their order. */
export function blocksOf(page: string): Block[] {
  const blocks: Block[] = [];
  let section = "";
  const visit = (tokens: readonly Token[]) => {
    let before = "";
    for (const token of tokens) {
      if (token.type === "space") continue;
      if (token.type === "heading" && (token as Tokens.Heading).depth === 2) section = token.text;
      if (token.type === "code") {
        const { lang = "", text } = token as Tokens.Code;
        blocks.push({ section, language: lang, text, before });
      } else if (token.type === "list") {
        for (const item of (token as Tokens.List).items) visit(item.tokens);
      }
      before = token.type === "paragraph" ? token.text : "";
    }
  };
  visit(lexer(page));
  return blocks;
}

/** Writes values into the lines of a block that have a comment, as the comment asks for. */
export function edited(block: Block, values: Readonly<Record<string, string>> = {}): Block {
  const text = block.text.replace(
    /^export (\w+)=\S*( +# .*)$/gm,
    (line, name, comment) => name in values ? `export ${name}=${values[name]}${comment}` : line,
  );
  return { ...block, text };
}

/** Commands that remove or replace something. */
const DESTRUCTIVE = [
  /\bkubectl\b.* delete\b/,
  /(^|[;|&(] *)(rm|mv)\b/,
  /\baws s3 (rm|mv)\b|\baws s3api delete-/,
  /\bdeno task clean\b(?!.*--dry-run)/,
  /\bpg_terminate_backend\b/,
  /\b(UPDATE|DELETE|DROP|TRUNCATE|ROLLBACK|COMMIT PREPARED)\b/,
];

/** Returns whether a block has a command that removes or replaces something. */
export function isDestructive({ text }: Block): boolean {
  return text.split("\n").some((line) => DESTRUCTIVE.some((pattern) => pattern.test(line)));
}

/** Returns whether the page marks the block as destructive. */
export function isMarked({ before }: Block): boolean {
  return before.startsWith("**Destructive:** ");
}
