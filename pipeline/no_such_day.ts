/**
 * What is said of a text that should be a day, and is none.
 *
 * @param name who says it, with what stands before the text, as in `--date ` or `JOB_DATE=`
 */
export function noSuchDay(name: string, text: string): string {
  const problem = `Cannot use ${name}${JSON.stringify(text)}: `;
  const remedy = name === "JOB_DATE="
    ? "Remove JOB_DATE to run for today in UTC, or set a day such as 2025-12-28, today or yesterday."
    : "Give a day such as 2025-12-28, today or yesterday.";
  if (/\$\(|`|\$\{|\$[A-Za-z_]|%[A-Za-z]/.test(text)) {
    return `${problem}that is a shell expression, not a day. Kubernetes runs no shell over a ` +
      "container's env: it replaces $(NAME) of a variable that was declared before, and leaves " +
      `everything else, such as $(date +%F), as it is. ${remedy}`;
  }
  if (/^\s|\s$/.test(text)) return `${problem}it has a blank or a line break around. ${remedy}`;
  if (/^\d{4}-\d{2}-\d{2}$/.test(text)) return `${problem}the calendar has no such day. ${remedy}`;
  return `${problem}a day is written YYYY-MM-DD. ${remedy}`;
}
