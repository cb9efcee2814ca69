/** A name as SQL may always have it: between double quotes. */
export function identifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}
