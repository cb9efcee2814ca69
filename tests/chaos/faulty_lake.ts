import { Failure } from "../../pipeline/errors.ts";
import type { Lake } from "../../pipeline/lake/lake.ts";
import { isTransient, type S3Fault } from "./s3_faults.ts";

/** A fault of one directory operation. Directories have no proxy in front of them. */
export type DiskFault = "error-before" | "error-after" | "stall";

/** Maps a store fault to the closest disk fault. Disks never return false data. */
export function diskFault(fault: S3Fault | undefined): DiskFault | undefined {
  if (fault === undefined || !isTransient(fault)) return undefined;
  switch (fault) {
    case "cut-after":
    case "cut-within":
    case "error-after":
      return "error-after";
    case "stall":
    case "twice":
      return "stall";
    default:
      return "error-before";
  }
}

/** Duration of a stall in milliseconds. */
const STALL = 100;

/**
 * Wraps a lake so that its operations fail like those of a failing disk.
 *
 * @param plan returns the fault for the operation with this number
 * @param onFault called for each fault
 */
export function faultyLake(
  lake: Lake,
  plan: (number: number) => DiskFault | undefined,
  onFault: (fault: DiskFault) => void,
): Lake {
  let number = 0;
  async function operation<T>(what: string, work: () => Promise<T>): Promise<T> {
    const fault = plan(number++);
    if (fault === undefined) return await work();
    onFault(fault);
    const failure = () =>
      new Failure({
        kind: "unreachable",
        task: what,
        problem: "an input/output error",
        remedy: "Run again.",
      });
    if (fault === "error-before") throw failure();
    if (fault === "stall") await new Promise((resolve) => setTimeout(resolve, STALL));
    const result = await work();
    if (fault === "error-after") throw failure();
    return result;
  }
  return {
    ...lake,
    get: (key) => operation(`read ${key}`, () => lake.get(key)),
    put: (key, ...rest) => operation(`store ${key}`, () => lake.put(key, ...rest)),
    list: (prefix) => operation(`list ${prefix}`, () => lake.list(prefix)),
    remove: (key) => operation(`remove ${key}`, () => lake.remove(key)),
  };
}
