/** The files that name the image of the toolkit. */
export const FILES_WITH_IMAGE: readonly string[] = [
  "manifests/70-schedule.yaml",
  "manifests/image/toolkit/Dockerfile",
  "monitoring/kubernetes/exporter.yaml",
  "runbook/README.md",
];

/**
 * Compares the tags of the image of the toolkit in a file with the version. The release workflow
 * pushes no other tag, so a pod with another tag cannot start, or runs another version.
 *
 * @returns the problems, for a user
 */
export function tagProblems(file: string, text: string, version: string): string[] {
  const tags = [...text.matchAll(/ghcr\.io\/[\w-]+\/deep-storage(?:[:@]([\w.:-]+))?/g)]
    .map(([, tag = "none"]) => tag);
  if (tags.length === 0) return [`${file} does not name the image of the toolkit. Name it there.`];
  return [...new Set(tags)].filter((tag) => tag !== version).map((tag) =>
    `${file} has the image of the toolkit with the tag ${tag}. Write ${version}.`
  );
}
