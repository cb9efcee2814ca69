import { parseImage } from "../../image/reference.ts";
import type { Finding } from "../../finding.ts";
import { type Code, placeIn } from "../../source_code/code.ts";
import { type Instruction, instructionsOf } from "../../source_code/dockerfile.ts";
import { HADOOP_OF, howToAdd, JARS, POSTGRESQL, SDK_OF } from "../../image/spark_jars.ts";

type Jar = { readonly name: string; readonly version: string; readonly instruction: Instruction };

/** Judges the image that a Dockerfile makes; one that is not on Spark is none of our business. */
export function judgeDockerfile(code: Code): Finding[] | undefined {
  const instructions = instructionsOf(code);
  const base = instructions.filter(({ name }) => name === "FROM").map((from) => ({
    from,
    image: parseImage(from.text.replace(/--\S+\s+/g, "").split(" ")[0]!),
  })).findLast(({ image }) => /spark/i.test(image.repository));
  if (base === undefined) return undefined;
  const jars = instructions.filter(({ name }) => name !== "FROM").flatMap(jarsIn);
  const line = /^v?(\d+\.\d+)/.exec(base.image.tag ?? "")?.[1];
  return [
    ...unpinned(code, base.from, line),
    ...JARS.flatMap((name) => missingJar(code, base.from, name, { jars, line })),
    ...jars.flatMap((jar) => unfit(code, jar, line)),
    ...unchecked(code, jars),
  ];
}

function jarsIn(instruction: Instruction): Jar[] {
  const pattern = new RegExp(`(?<![\\w-])(${JARS.join("|")})-(\\d[\\w.]*?)\\.jar`, "g");
  const found = [...instruction.text.matchAll(pattern)].map(([, name, version]) => (
    { name: name!, version: version!, instruction }
  ));
  return found.filter((jar, i) => found.findIndex(({ name }) => name === jar.name) === i);
}

function unpinned(code: Code, from: Instruction, line: string | undefined): Finding[] {
  if (line !== undefined) return [];
  return [{
    severity: "fail",
    ...placeIn(code, from.offset),
    problem: `the base image's tag names no Spark release: FROM ${from.text}`,
    why: "the versions of hadoop-aws and the AWS SDK have to fit the Hadoop that Spark comes with",
    fix: "Name a release in the tag, as in FROM apache/spark:3.5.8-scala2.12-java17-python3-ubuntu",
  }];
}

function versionOf(name: string, line: string | undefined): string {
  const hadoop = HADOOP_OF[line ?? ""] ?? HADOOP_OF["3.5"]!;
  if (name === "postgresql") return POSTGRESQL.version;
  return name === "hadoop-aws" ? hadoop : SDK_OF[hadoop]!.version;
}

function missingJar(
  code: Code,
  from: Instruction,
  name: string,
  { jars, line }: { readonly jars: readonly Jar[]; readonly line: string | undefined },
): Finding[] {
  if (jars.some((jar) => jar.name === name)) return [];
  const version = versionOf(name, line);
  return [{
    severity: "fail",
    ...placeIn(code, from.offset),
    problem: `the image gets no ${name} jar`,
    why: "Spark's image lacks it, and a job's pod may not download anything",
    fix: howToAdd({ name, version }),
  }];
}

function unfit(
  code: Code,
  { name, version, instruction }: Jar,
  line: string | undefined,
): Finding[] {
  const hadoop = HADOOP_OF[line ?? ""];
  if (hadoop === undefined || name === "postgresql") return [];
  const wanted = versionOf(name, line);
  if (version === wanted) return [];
  return [{
    severity: "fail",
    ...placeIn(code, instruction.offset),
    problem: `${name} ${version} does not fit Spark ${line}, which comes with Hadoop ` +
      hadoop,
    why: "versions that do not fit fail with NoSuchMethodError or ClassNotFoundException, and " +
      "only when a job runs",
    fix: `Take ${name} ${wanted}, and its checksum.`,
  }];
}

function unchecked(code: Code, jars: readonly Jar[]): Finding[] {
  // A file of the build context was looked at by whoever put it there.
  const remote = jars.filter(({ instruction: { name, text } }) =>
    /https?:\/\//.test(text) && (name === "ADD" || name === "RUN") &&
    !/--checksum=sha(256|512):|sha(1|256|512)sum\b.*(-c|--check)\b/.test(text)
  );
  return remote.map(({ name, instruction }): Finding => ({
    severity: "fail",
    ...placeIn(code, instruction.offset),
    problem: `${name} is downloaded without a checksum`,
    why: "whatever the server sends goes into the image, and handles prices and credentials",
    fix: "Verify it: ADD --checksum=sha256:<digest> …, or pipe it through sha256sum --check",
  }));
}
