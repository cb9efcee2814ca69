import { bronzeCommitted } from "./bronze_committed.ts";
import { bronzeParts } from "./bronze_parts.ts";
import type { AnyCheck } from "./check.ts";
import { clusterLogin } from "./cluster_login.ts";
import { databaseEgress } from "./database_egress.ts";
import { databaseLogin } from "./database_login.ts";
import { dnsEgress } from "./dns_egress.ts";
import { driverExecutorTraffic } from "./driver_executor_traffic.ts";
import { egressPolicy } from "./egress_policy.ts";
import { eventTypes } from "./event_types.ts";
import { fillPrice } from "./fill_price.ts";
import { imageDeps } from "./image_deps.ts";
import { imagePull } from "./image_pull.ts";
import { isolation } from "./isolation.ts";
import { kubernetesApiEgress } from "./kubernetes_api_egress.ts";
import { lakeConformance } from "./lake_conformance.ts";
import { lakeLogin } from "./lake_login.ts";
import { lateWriters } from "./late_writers.ts";
import { manifestDrift } from "./manifest_drift.ts";
import { manifestsReadable } from "./manifests_readable.ts";
import { namespaceLabels } from "./namespace_labels.ts";
import { nodePool } from "./node_pool.ts";
import { orphanParts } from "./orphan_parts.ts";
import { parquetSchema } from "./parquet_schema.ts";
import { parquetVoid } from "./parquet_void.ts";
import { parquetVoidInCode } from "./parquet_void_code.ts";
import { quarantine } from "./quarantine.ts";
import { quotaFit } from "./quota_fit.ts";
import { rbac } from "./rbac.ts";
import { rowCounts } from "./row_counts.ts";
import { secretEscaping } from "./secret_escaping.ts";
import { serverDryRun } from "./server_dry_run.ts";
import { serviceAccount } from "./service_account.ts";
import { silverCurrent } from "./silver_current.ts";
import { silverParts } from "./silver_parts.ts";
import { silverRows } from "./silver_rows.ts";
import { silverStatus } from "./silver_status.ts";
import { tableName } from "./table_name.ts";
import { timestampEnv } from "./timestamp_env.ts";

/**
 * What must hold after a run, in the order in which it is told: a check comes after those whose
 * failure makes it skip.
 */
export const AFTER: readonly AnyCheck[] = [
  bronzeCommitted,
  bronzeParts,
  rowCounts,
  quarantine,
  silverCurrent,
  silverParts,
  parquetSchema,
  parquetVoid,
  orphanParts,
  eventTypes,
  silverRows,
  silverStatus,
  fillPrice,
];

/** What must hold before a run, in the order in which it is told, as with {@linkcode AFTER}. */
export const BEFORE: readonly AnyCheck[] = [
  // Manifests come first: judging them takes no time.
  manifestsReadable,
  clusterLogin,
  manifestDrift,
  serverDryRun,
  imageDeps,
  imagePull,
  tableName,
  secretEscaping,
  parquetVoidInCode,
  timestampEnv,
  egressPolicy,
  namespaceLabels,
  dnsEgress,
  databaseEgress,
  kubernetesApiEgress,
  driverExecutorTraffic,
  isolation,
  quotaFit,
  nodePool,
  serviceAccount,
  rbac,
  databaseLogin,
  lateWriters,
  lakeLogin,
  lakeConformance,
];
