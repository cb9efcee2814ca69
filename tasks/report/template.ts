import { DEFAULT_PROJECT, type Project } from "../../pipeline/contract/project.ts";
import { renderPage } from "../explain/render.ts";
import type { Template } from "./content.ts";

const ROOT = new URL("../../", import.meta.url);
const RUNBOOK = new URL("runbook/", ROOT);

/** The libraries of the pictures. Plot uses d3. */
const LIBRARIES = [
  "node_modules/d3/dist/d3.min.js",
  "node_modules/@observablehq/plot/dist/plot.umd.min.js",
];

/** The modules of the page, each after those that it imports. */
const MODULES = [
  "dom.js",
  "checks.js",
  "cells.js",
  "reach_model.js",
  "graph.js",
  "reach.js",
  "calendar.js",
  "timeline.js",
  "live.js",
  "main.js",
];

/**
 * Reads the files that an HTML report consists of.
 *
 * @param project the names of the platform, for the pages of the runbook
 * @param hasPictures whether the report needs the libraries of the pictures
 */
export async function readTemplate(
  project: Project = DEFAULT_PROJECT,
  hasPictures: boolean,
): Promise<Template> {
  const read = (path: string, base: URL = ROOT) => Deno.readTextFile(new URL(path, base));
  const page = new URL("page/", import.meta.url);
  const [style, libraries, modules, pages] = await Promise.all([
    read("style.css", page),
    Promise.all(hasPictures ? LIBRARIES.map((path) => read(path)) : []),
    Promise.all(MODULES.map((path) => read(path, page))),
    readPages(project),
  ]);
  return { style, scripts: [...libraries, joinModules(modules)], pages };
}

/**
 * Joins modules into one script: their names are unique, so imports and exports are left out. In
 * strict mode, a name that two modules declare stops the script.
 */
function joinModules(modules: readonly string[]): string {
  const text = modules.map((each) =>
    each.replace(/^import [^;]*;\n/gm, "").replace(/^export /gm, "")
  );
  return `"use strict";\n{\n${text.join("\n")}}\n`;
}

async function readPages(project: Project): Promise<Record<string, string>> {
  const names: string[] = [];
  for await (const { name, isFile } of Deno.readDir(RUNBOOK)) {
    if (isFile && name.endsWith(".md")) names.push(name);
  }
  const pages = names.sort().map(async (name) => {
    const text = await Deno.readTextFile(new URL(name, RUNBOOK));
    return [name.slice(0, -".md".length), renderPage(text, project)] as const;
  });
  return Object.fromEntries(await Promise.all(pages));
}
