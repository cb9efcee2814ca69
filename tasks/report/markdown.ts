import { Marked } from "marked";
import { escapeHtml, type Html } from "./escape.ts";

/**
 * Renders a page of the runbook as HTML. The title is left out, and HTML in the page is shown as
 * text. A link to another page becomes a link within the report, if the report has that page.
 *
 * @param level the level of the page's first headings
 * @param anchorOf the anchor of another page, such as `#page-rbac`; undefined if it is not there
 */
export function renderMarkdown(
  page: string,
  level: number,
  anchorOf: (name: string) => string | undefined,
): Html {
  const marked = new Marked({
    gfm: true,
    renderer: {
      html: ({ text }) => escapeHtml(text),
      image: ({ text }) => escapeHtml(text),
      heading({ tokens, depth }) {
        if (depth === 1) return "";
        const tag = `h${Math.min(level + depth - 2, 6)}`;
        return `<${tag}>${this.parser.parseInline(tokens)}</${tag}>\n`;
      },
      code: ({ text }) =>
        `<pre tabindex="0"><code>${escapeHtml(text.replace(/\n$/, ""))}</code></pre>\n`,
      link({ href, tokens }) {
        const text = this.parser.parseInline(tokens);
        const name = /^(?:\.\/)?([a-z0-9-]+)\.md(?:#.*)?$/.exec(href)?.[1];
        const target = name === undefined
          ? /^https:\/\//.test(href) ? href : undefined
          : anchorOf(name);
        return target === undefined ? text : `<a href="${escapeHtml(target)}">${text}</a>`;
      },
    },
  });
  return { html: marked.parse(page, { async: false }) };
}
