/** The namespace that the jobs run in. */
export const JOBS_NAMESPACE = "analytics-jobs";

/** The namespace of Robson's backend and its Postgres. */
export const ROBSON_NAMESPACE = "robson";

/** The Secret with the `DJANGO_DB_*` that a job reads. */
export const DATABASE_SECRET = "django-db-credentials";

/** The Secret with the key of the object store, its endpoint and its bucket. */
export const LAKE_SECRET = "contabo-s3-credentials";
