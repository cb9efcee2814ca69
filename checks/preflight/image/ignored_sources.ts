import type { BuildFiles } from "../../facts/build_files.ts";
import type { Finding } from "../../finding.ts";
import { type Code, placeIn } from "../../source_code/code.ts";
import {
  copiedFrom,
  type Instruction,
  instructionsOf,
  wordsOfCopy,
} from "../../source_code/dockerfile.ts";
import { inContexts, plainSource } from "./build_context.ts";

/**
 * Reports the files and folders that a Dockerfile copies or mounts, and that `.dockerignore` leaves out
 * of the build. A pattern of several files is not judged.
 *
 * @param code the Dockerfile
 * @param files the files that builds can read
 */
export function ignoredSources(code: Code, files: BuildFiles): Finding[] {
  const { file: dockerfile = "" } = code;
  const context = { dockerfile, files };
  return instructionsOf(code)
    .filter((each) => copiedFrom({ instructions: [each] }).length === 0)
    .flatMap((instruction) => {
      const { name, offset } = instruction;
      const plain = sourcesOf(instruction).filter((each) => !/[*?[$]|:\/\//.test(each)).map(
        plainSource,
      );
      return plain.filter((each) =>
        each !== "" && !files.above.includes(each.split("/")[0]!) &&
        inContexts(each, context) === "left out"
      ).map((source): Finding => ({
        severity: "fail",
        ...placeIn(code, offset),
        problem: `.dockerignore leaves out ${source}, which ${name} needs`,
        why: "the build ends with an error, because its context does not have the file",
        fix: `Add to .dockerignore as its last line: !${source}`,
      }));
    });
}

/** The files and folders of the context that an instruction needs. */
function sourcesOf({ name, text }: Instruction): string[] {
  if (name === "RUN") {
    return [...text.matchAll(/(?<=^(?:--\S+\s+)*)--mount=(\S+)/g)].map(([, mount]) =>
      mount!.split(",")
    )
      .filter((fields) =>
        fields.includes("type=bind") || !fields.some((each) => /^type=/.test(each))
      )
      .flatMap((fields) => fields.flatMap((each) => /^(?:source|src)=(.+)$/.exec(each)?.[1] ?? []));
  }
  // Lines of a here-document are no files of the context.
  return (name === "COPY" || name === "ADD") && !text.includes("<<")
    ? wordsOfCopy(text).slice(0, -1)
    : [];
}
