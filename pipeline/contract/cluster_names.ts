// The names that the manifests use for objects that the jobs need in the cluster.

/** The namespace that the jobs run in. */
export const JOBS_NAMESPACE = "analytics-jobs";

/** The namespace of Robson's backend and its Postgres. */
export const ROBSON_NAMESPACE = "robson";

/** The Secret with the credentials for the database. */
export const DATABASE_SECRET = "django-db-credentials";

/** The keys of the Secret with the credentials for the database. */
export const DATABASE_KEYS = [
  "DJANGO_DB_HOST",
  "DJANGO_DB_NAME",
  "DJANGO_DB_USER",
  "DJANGO_DB_PASSWORD",
] as const;

/** The Secret with the credentials for the lake. */
export const LAKE_SECRET = "contabo-s3-credentials";

/** The keys of the Secret with the credentials for the lake. */
export const LAKE_KEYS = [
  "AWS_ACCESS_KEY_ID",
  "AWS_SECRET_ACCESS_KEY",
  "S3_ENDPOINT",
  "S3_BUCKET",
] as const;
