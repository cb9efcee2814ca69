import { type AnyCheck, section } from "../check.ts";
import { clusterLogin } from "./cluster/cluster_login.ts";
import { databaseEgress } from "./network/database_egress.ts";
import { databaseLogin } from "./database/database_login.ts";
import { dnsEgress } from "./network/dns_egress.ts";
import { driverExecutorTraffic } from "./network/driver_executor_traffic.ts";
import { egressPolicy } from "./network/egress_policy.ts";
import { imageDeps } from "./image/image_deps.ts";
import { imagePull } from "./image/image_pull.ts";
import { isolation } from "./network/isolation.ts";
import { kubernetesApiEgress } from "./network/kubernetes_api_egress.ts";
import { lakeConformance } from "./lake/lake_conformance.ts";
import { lakeLogin } from "./lake/lake_login.ts";
import { lakeSource } from "./lake/lake_source.ts";
import { lateWriters } from "./database/late_writers.ts";
import { manifestDrift } from "./manifests/manifest_drift.ts";
import { manifestsReadable } from "./manifests/manifests_readable.ts";
import { namespaceLabels } from "./network/namespace_labels.ts";
import { nodePool } from "./capacity/node_pool.ts";
import { parquetVoidInCode } from "./code/parquet_void_code.ts";
import { quotaFit } from "./capacity/quota_fit.ts";
import { rbac } from "./access/rbac.ts";
import { secretEscaping } from "./secrets/secret_escaping.ts";
import { serverDryRun } from "./manifests/server_dry_run.ts";
import { serviceAccount } from "./access/service_account.ts";
import { tableName } from "./code/table_name.ts";
import { timestampEnv } from "./code/timestamp_env.ts";
import type { PlatformCheck } from "./platform.ts";

/** The checks of the connections that the NetworkPolicies allow, in the order of the report. */
export const CONNECTION_CHECKS: readonly PlatformCheck[] = [
  egressPolicy,
  namespaceLabels,
  dnsEgress,
  databaseEgress,
  kubernetesApiEgress,
  driverExecutorTraffic,
  isolation,
];

/**
 * The checks before a run, in the order of the report, by section. A check comes after the checks whose failure
 * makes it skip.
 */
export const PREFLIGHT: readonly AnyCheck[] = [
  ...section("manifests", [manifestsReadable]),
  ...section("cluster", [clusterLogin, manifestDrift, serverDryRun]),
  ...section("image", [imageDeps, imagePull]),
  ...section("code", [tableName, parquetVoidInCode, timestampEnv]),
  ...section("secrets", [secretEscaping]),
  ...section("network", CONNECTION_CHECKS),
  ...section("capacity", [quotaFit, nodePool]),
  ...section("access", [serviceAccount, rbac]),
  ...section("database", [databaseLogin, lateWriters]),
  ...section("lake", [lakeLogin, lakeConformance, lakeSource]),
];
