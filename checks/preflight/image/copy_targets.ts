import type { BuildFiles } from "../../facts/build_files.ts";
import type { Finding } from "../../finding.ts";
import { type Code, placeIn } from "../../source_code/code.ts";
import { pathFrom } from "../../source_code/command_targets.ts";
import {
  copiedFrom,
  finalStages,
  type Instruction,
  instructionsOf,
  jsonWords,
  stagesOf,
  wordsOfCopy,
} from "../../source_code/dockerfile.ts";
import { isBelow } from "../../spark/mounts.ts";
import { matchesOf } from "./build_context.ts";

/**
 * Reports instructions of a Dockerfile that copy several files to a target that is no folder, and
 * those that change a folder which a `VOLUME` before them declares.
 *
 * @param files the files that builds can read
 */
export function copyTargets(code: Code, files: BuildFiles): Finding[] {
  const instructions = instructionsOf(code);
  return [
    ...instructions.flatMap((each) => withoutFolder(each, code, files)),
    ...lostChanges(code, instructions),
  ];
}

/** Reports several sources, or a pattern of several files, with a target that does not end with `/`. */
function withoutFolder(instruction: Instruction, code: Code, files: BuildFiles): Finding[] {
  const { name, text, offset } = instruction;
  if (name !== "COPY" && name !== "ADD") return [];
  const words = wordsOfCopy(text);
  const target = words.at(-1) ?? "";
  // A variable can end with a slash, and builders differ about `.`.
  if (target.endsWith("/") || /\$\{?\w+\}?$/.test(target) || /^\.\.?$/.test(target)) return [];
  const sources = words.slice(0, -1).filter((each) => !each.includes("$"));
  const context = { dockerfile: code.file ?? "", files };
  const isOfContext = copiedFrom({ instructions: [instruction] }).length === 0;
  const several = sources.length > 1
    ? `${sources.length} sources`
    : isOfContext && matchesOf(sources[0] ?? "", context) > 1
    ? `the files of ${sources[0]}`
    : undefined;
  return several === undefined ? [] : [{
    severity: "fail",
    ...placeIn(code, offset),
    problem: `${name} copies ${several} to ${target}, which does not end with /`,
    why: "the build ends with an error: with several files, the target must be a folder",
    fix: `End the target with a slash: ${target}/`,
  }];
}

/** Warns about changes of a folder after its VOLUME. BuildKit keeps them, and other builders do not. */
function lostChanges(code: Code, all: readonly Instruction[]): Finding[] {
  const volumes: { readonly folder: string; readonly offset: number }[] = [];
  const findings: Finding[] = [];
  let folder: string | undefined;
  for (const { name, text, offset } of finalStages(stagesOf(all)).flatMap((s) => s.instructions)) {
    if (name === "WORKDIR") folder = pathFrom(folder, text);
    if (name === "VOLUME") {
      const paths = (jsonWords(text) ?? text.split(" ")).flatMap((each) =>
        pathFrom(folder, each) ?? []
      );
      volumes.push(...paths.map((path) => ({ folder: path, offset })));
    }
    if (name !== "COPY" && name !== "ADD") continue;
    const target = pathFrom(folder, wordsOfCopy(text).at(-1) ?? "");
    const lost = volumes.find((each) => target !== undefined && isBelow(target, each.folder));
    if (lost === undefined) continue;
    volumes.splice(volumes.indexOf(lost), 1);
    findings.push({
      severity: "warn",
      ...placeIn(code, lost.offset),
      problem: `VOLUME ${lost.folder} is before ${name} to ${target}`,
      why:
        "builders other than BuildKit discard changes of a volume after its declaration, so the " +
        "image can lack the files",
      fix: `Move VOLUME after the last instruction that changes ${lost.folder}, or remove it: ` +
        "Kubernetes mounts volumes without it",
    });
  }
  return findings;
}
