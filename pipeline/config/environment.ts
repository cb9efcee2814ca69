/** The variables that a command sees. `Deno.env` is one. */
export interface Environment {
  /** The value of a variable; undefined where it is not set. */
  get(name: string): string | undefined;
  /** The Secret that the variables come from, where they do. Its values are then in no error. */
  readonly secret?: string;
}

/** What this process was started with. Nothing else of the toolkit reads it. */
export const PROCESS: Environment = Deno.env;

/** What the running system has, where nothing else is said. */
export const DEFAULTS = {
  DJANGO_DB_HOST: "paradedb.robson.svc.cluster.local",
  DJANGO_DB_NAME: "rbsdb",
  DJANGO_DB_USER: "robson",
  S3_ENDPOINT: "https://eu2.contabostorage.com",
  S3_BUCKET: "rbs",
} as const;

/** A variable that has a default. */
export type Defaulted = keyof typeof DEFAULTS;

/** A value for people, with `(default)` behind it where it is one. */
export function marked(value: string, isDefault: boolean): string {
  return isDefault ? `${value} (default)` : value;
}
