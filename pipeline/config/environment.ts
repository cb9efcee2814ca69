/** The environment variables of a command, such as `Deno.env`. */
export interface Environment {
  /** The value of a variable; undefined if it is not set. */
  get(name: string): string | undefined;
  /** The Secret that contains the variables, if any. Then no error contains a value of the file. */
  readonly secret?: string;
}

/** The environment of this process. No other module of the toolkit reads `Deno.env`. */
export const PROCESS: Environment = Deno.env;

/** The values of the production system. */
export const DEFAULTS = {
  DJANGO_DB_HOST: "paradedb.robson.svc.cluster.local",
  DJANGO_DB_NAME: "rbsdb",
  DJANGO_DB_USER: "robson",
  S3_ENDPOINT: "https://eu2.contabostorage.com",
  S3_BUCKET: "rbs",
} as const;

/** A variable that has a default. */
export type Defaulted = keyof typeof DEFAULTS;

/** Formats a value for messages. A default value is followed by `(default)`. */
export function markDefault(value: string, isDefault: boolean): string {
  return isDefault ? `${value} (default)` : value;
}

/** Returns the path of a file in a folder. This needs no part of Node, unlike `node:path`. */
export function fileIn(folder: string, file: string): string {
  return `${folder.replace(/\/+$/, "")}/${file}`;
}
