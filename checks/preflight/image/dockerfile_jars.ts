import { parseImage } from "../../image/reference.ts";
import type { Finding } from "../../finding.ts";
import { type Code, placeIn } from "../../source_code/code.ts";
import { type Instruction, instructionsOf } from "../../source_code/dockerfile.ts";
import { HADOOP_OF, howToAdd, JARS, POSTGRESQL, SDK_OF } from "../../image/spark_jars.ts";

type Jar = { readonly name: string; readonly version: string; readonly instruction: Instruction };

/** Checks the jars in a Dockerfile. Returns undefined if the base image is not a Spark image. */
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
    ...unpinnedBaseFindings(code, base.from, line),
    ...JARS.flatMap((name) => missingJarFindings(code, base.from, name, { jars, line })),
    ...jars.flatMap((jar) => wrongVersionFindings(code, jar, line)),
    ...missingChecksumFindings(code, jars),
  ];
}

function jarsIn(instruction: Instruction): Jar[] {
  const pattern = new RegExp(`(?<![\\w-])(${JARS.join("|")})-(\\d[\\w.]*?)\\.jar`, "g");
  const found = [...instruction.text.matchAll(pattern)].map(([, name, version]) => (
    { name: name!, version: version!, instruction }
  ));
  return found.filter((jar, i) => found.findIndex(({ name }) => name === jar.name) === i);
}

function unpinnedBaseFindings(code: Code, from: Instruction, line: string | undefined): Finding[] {
  if (line !== undefined) return [];
  return [{
    severity: "fail",
    ...placeIn(code, from.offset),
    problem: `the tag of the base image does not name a Spark release: FROM ${from.text}`,
    why:
      "the versions of hadoop-aws and the AWS SDK must match the version of Hadoop in Spark's image",
    fix: "Use a tag with a release, as in FROM apache/spark:3.5.8-scala2.12-java17-python3-ubuntu",
  }];
}

function versionOf(name: string, line: string | undefined): string {
  const hadoop = HADOOP_OF[line ?? ""] ?? HADOOP_OF["3.5"]!;
  if (name === "postgresql") return POSTGRESQL.version;
  return name === "hadoop-aws" ? hadoop : SDK_OF[hadoop]!.version;
}

function missingJarFindings(
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
    problem: `the Dockerfile does not add the ${name} jar`,
    why: "Spark's image does not contain the jar, and network policies block downloads by jobs",
    fix: howToAdd({ name, version }),
  }];
}

function wrongVersionFindings(
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
    problem: `${name} ${version} does not match Spark ${line}, which includes Hadoop ` +
      hadoop,
    why: "mismatched versions cause NoSuchMethodError or ClassNotFoundException, but " +
      "only when a job runs",
    fix: `Use ${name} ${wanted} and its checksum.`,
  }];
}

function missingChecksumFindings(code: Code, jars: readonly Jar[]): Finding[] {
  // Only downloads need a checksum: files of the build context are under version control.
  const remote = jars.filter(({ instruction: { name, text } }) =>
    /https?:\/\//.test(text) && (name === "ADD" || name === "RUN") &&
    !/--checksum=sha(256|512):|sha(1|256|512)sum\b.*(-c|--check)\b/.test(text)
  );
  return remote.map(({ name, instruction }): Finding => ({
    severity: "fail",
    ...placeIn(code, instruction.offset),
    problem: `${name} is downloaded without a checksum`,
    why:
      "any file from the server becomes part of the image, which processes prices and credentials",
    fix: "Verify the download: use ADD --checksum=sha256:<digest> …, or run sha256sum --check",
  }));
}
