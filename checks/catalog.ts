import { bronzeCommitted } from "./postflight/bronze/bronze_committed.ts";
import { bronzeParts, orphanParts, silverParts } from "./postflight/parts.ts";
import type { AnyCheck } from "./check.ts";
import { clusterLogin } from "./preflight/cluster/cluster_login.ts";
import { databaseEgress } from "./preflight/network/database_egress.ts";
import { databaseLogin } from "./preflight/database/database_login.ts";
import { dnsEgress } from "./preflight/network/dns_egress.ts";
import { driverExecutorTraffic } from "./preflight/network/driver_executor_traffic.ts";
import { egressPolicy } from "./preflight/network/egress_policy.ts";
import { eventTypes } from "./postflight/bronze/event_types.ts";
import { fillPrice } from "./postflight/silver/fill_price.ts";
import { imageDeps } from "./preflight/image/image_deps.ts";
import { imagePull } from "./preflight/image/image_pull.ts";
import { isolation } from "./preflight/network/isolation.ts";
import { kubernetesApiEgress } from "./preflight/network/kubernetes_api_egress.ts";
import { lakeConformance } from "./preflight/lake/lake_conformance.ts";
import { lakeLogin } from "./preflight/lake/lake_login.ts";
import { lateWriters } from "./preflight/database/late_writers.ts";
import { manifestDrift } from "./preflight/manifests/manifest_drift.ts";
import { manifestsReadable } from "./preflight/manifests/manifests_readable.ts";
import { namespaceLabels } from "./preflight/network/namespace_labels.ts";
import { nodePool } from "./preflight/capacity/node_pool.ts";
import { parquetSchema, parquetVoid } from "./postflight/parquet.ts";
import { parquetVoidInCode } from "./preflight/code/parquet_void_code.ts";
import { quarantine } from "./postflight/bronze/quarantine.ts";
import { quotaFit } from "./preflight/capacity/quota_fit.ts";
import { rbac } from "./preflight/access/rbac.ts";
import { rowCounts } from "./postflight/bronze/row_counts.ts";
import { secretEscaping } from "./preflight/secrets/secret_escaping.ts";
import { serverDryRun } from "./preflight/manifests/server_dry_run.ts";
import { serviceAccount } from "./preflight/access/service_account.ts";
import { silverCurrent } from "./postflight/silver/silver_current.ts";
import { silverRows } from "./postflight/silver/silver_rows.ts";
import { silverStatus } from "./postflight/silver/silver_status.ts";
import { tableName } from "./preflight/code/table_name.ts";
import { timestampEnv } from "./preflight/code/timestamp_env.ts";

/**
 * The checks after a run, in the order of the report. A check comes after the checks whose failure
 * makes it skip.
 */
export const POSTFLIGHT: readonly AnyCheck[] = [
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

/** The checks before a run, in the order of the report. */
export const PREFLIGHT: readonly AnyCheck[] = [
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
