import { DEFAULT_PROJECT, type Project } from "../contract/project.ts";

/** The environment variables of a command, such as `Deno.env`. */
export interface Environment {
  /** The value of a variable; undefined if it is not set. */
  get(name: string): string | undefined;
  /** The Secret that contains the variables, if any. Then no error contains a value of the file. */
  readonly secret?: string;
}

/** The environment of this process. No other module of the toolkit reads `Deno.env`. */
export const PROCESS: Environment = Deno.env;

/** A variable that has a default. */
export type Defaulted =
  | "DJANGO_DB_HOST"
  | "DJANGO_DB_NAME"
  | "DJANGO_DB_USER"
  | "OUTBOX_TABLE"
  | "S3_ENDPOINT"
  | "S3_BUCKET";

/** The values of the variables that are not set: the names of a platform. */
export function defaultsOf({ database, lake }: Project): Readonly<Record<Defaulted, string>> {
  return {
    DJANGO_DB_HOST: database.host,
    DJANGO_DB_NAME: database.name,
    DJANGO_DB_USER: database.user,
    OUTBOX_TABLE: database.table,
    S3_ENDPOINT: lake.endpoint,
    S3_BUCKET: lake.bucket,
  };
}

/**
 * Returns the variables that are not set, and that the project file does not replace either. Messages
 * mark their values with `(default)`.
 */
export function unsetIn(
  names: readonly Defaulted[],
  env: Environment,
  project: Project,
): Defaulted[] {
  const [given, builtIn] = [defaultsOf(project), defaultsOf(DEFAULT_PROJECT)];
  return names.filter((name) => !env.get(name) && given[name] === builtIn[name]);
}

/** Formats a value for messages. A default value is followed by `(default)`. */
export function markDefault(value: string, isDefault: boolean): string {
  return isDefault ? `${value} (default)` : value;
}

/** Returns the path of a file in a folder. This needs no part of Node, unlike `node:path`. */
export function fileIn(folder: string, file: string): string {
  return `${folder.replace(/\/+$/, "")}/${file}`;
}
