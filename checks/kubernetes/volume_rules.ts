import type { WrongField } from "./api_types.ts";
import { type Fields, fieldsIn, isFields, listOf, textOf } from "./fields.ts";
import { amountOf } from "./quantities.ts";

// The rules of the API server for volumes and claims of them, which compare several fields.

/** The fields of a PersistentVolume that say where its data is. */
const SOURCES = [
  ...["awsElasticBlockStore", "azureDisk", "azureFile", "cephfs", "cinder", "csi", "fc"],
  ...[
    "flexVolume",
    "flocker",
    "gcePersistentDisk",
    "glusterfs",
    "hostPath",
    "iscsi",
    "local",
    "nfs",
  ],
  ...["photonPersistentDisk", "portworxVolume", "quobyte", "rbd", "scaleIO", "storageos"],
  "vsphereVolume",
];

/** The fields of a PersistentVolume that the API server refuses together. */
export function wrongVolume(object: Fields): WrongField[] {
  const { kind, spec } = object;
  // The check of fields reports a volume without a spec.
  if (kind !== "PersistentVolume" || !isFields(spec)) return [];
  const found = [...wrongModes(object, "spec.accessModes"), ...wrongCapacity(spec)];
  const sources = SOURCES.filter((name) => isFields(spec[name]));
  if (sources.length !== 1) {
    found.push({
      path: "spec",
      problem: sources.length === 0
        ? "the volume has no source"
        : `the volume has more than one source: ${sources.join(", ")}`,
      fix: sources.length === 0
        ? "Add the source, such as csi, nfs, hostPath or local."
        : "Keep one source, and check the indentation of the others.",
    });
  }
  if (sources.includes("local") && !isFields(spec.nodeAffinity)) {
    found.push({
      path: "spec.nodeAffinity",
      problem: "nodeAffinity is required for a local volume, but missing",
      fix: "Add nodeAffinity with the name of the node in required.nodeSelectorTerms.",
    });
  }
  const isRoot = fieldsIn(spec.hostPath).path === "/";
  if (isRoot && spec.persistentVolumeReclaimPolicy === "Recycle") {
    found.push({
      path: "spec.persistentVolumeReclaimPolicy",
      problem: "persistentVolumeReclaimPolicy: Recycle would remove all files of the node",
      fix: "Write persistentVolumeReclaimPolicy: Retain",
    });
  }
  return found;
}

function wrongCapacity({ capacity }: Fields): WrongField[] {
  if (!isFields(capacity)) return [];
  const others = Object.keys(capacity).filter((name) => name !== "storage");
  const amount = amountOf(capacity.storage ?? null);
  return [
    ...others.map((name) => ({
      path: `spec.capacity.${name}`,
      problem: `a volume has no capacity of ${name}`,
      fix: "Write only storage, as in storage: 10Gi",
    })),
    // The check of fields reports an amount that is no quantity.
    ...(amount === undefined || amount > 0n ? [] : [{
      path: "spec.capacity.storage",
      problem: "the volume has no storage",
      fix: "Set capacity.storage, as in storage: 10Gi",
    }]),
  ];
}

/** ReadWriteOncePod excludes the other access modes. */
function wrongModes({ spec }: Fields, path: string): WrongField[] {
  const { accessModes } = fieldsIn(spec);
  const modes: unknown[] = Array.isArray(accessModes) ? accessModes : [];
  const isMixed = modes.includes("ReadWriteOncePod") &&
    modes.some((each) => each !== "ReadWriteOncePod");
  return isMixed
    ? [{
      path,
      problem: "ReadWriteOncePod allows no other access mode",
      fix: "Keep ReadWriteOncePod, or remove it.",
    }]
    : [];
}

/** The problems of a claim of a volume, and of the claims of a StatefulSet. */
export function wrongClaims({ kind, spec }: Fields): WrongField[] {
  const claims = kind === "PersistentVolumeClaim"
    ? [{ claim: { metadata: { name: "own" }, spec }, path: "" }]
    : kind === "StatefulSet"
    ? listOf(fieldsIn(spec).volumeClaimTemplates).map((claim, i) => (
      { claim, path: `spec.volumeClaimTemplates[${i}].` }
    ))
    : [];
  return claims.flatMap(({ claim, path }) => {
    const found = wrongModes(claim, `${path}spec.accessModes`);
    const name = textOf(fieldsIn(claim.metadata).name) ?? "";
    if (name === "") {
      found.push({
        path: `${path}metadata.name`,
        problem: "the claim has no name",
        fix: "Set metadata.name of the claim to the name of a volume.",
      });
    }
    const { requests } = fieldsIn(fieldsIn(claim.spec).resources);
    const amount = amountOf(fieldsIn(requests).storage ?? null);
    if (isFields(requests) && amount !== undefined && amount <= 0n) {
      found.push({
        path: `${path}spec.resources.requests.storage`,
        problem: "the claim requests no storage",
        fix: "Set resources.requests.storage, as in storage: 10Gi",
      });
    }
    return found;
  });
}
