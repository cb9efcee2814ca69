import type { Fault } from "./fault.ts";

/** What happens with the faults of a Job. */
export interface FaultHandling {
  /** The milliseconds that a fault which can pass may last. */
  readonly patience: number;
  /** Names a new fault. */
  readonly onNew: (fault: Fault) => void;
  /** Ends the following because of a fault that does not pass. */
  readonly onFatal: (fault: Fault) => void;
  /** Returns whether an executor of the Job runs. */
  readonly hasExecutor: () => boolean;
}

/** The faults of a Job that were named, without those that have passed. */
export class NamedFaults {
  readonly #handling: FaultHandling;
  readonly #named = new Map<string, Fault>();
  /** The timers of these faults, by key. */
  readonly #timers = new Map<string, ReturnType<typeof setTimeout>>();
  #last: Fault | undefined;

  /** Creates the faults of a Job that has none yet. */
  constructor(handling: FaultHandling) {
    this.#handling = handling;
  }

  /** The faults that were named and did not pass. */
  get all(): readonly Fault[] {
    return [...this.#named.values()];
  }

  /** The fault that was named last. */
  get last(): Fault | undefined {
    return this.#last;
  }

  /** Names each new fault, and ends the following if a fault does not pass. */
  judge(faults: readonly Fault[]): void {
    for (const [key, { outlook }] of this.#named) {
      if (outlook === "retried" || faults.some((fault) => fault.key === key)) continue;
      clearTimeout(this.#timers.get(key));
      this.#named.delete(key);
    }
    for (const fault of faults) {
      if (fault.outlook === "final") return this.#handling.onFatal(fault);
      if (this.#named.has(fault.key)) continue;
      this.#named.set(fault.key, fault);
      this.#last = fault;
      this.#handling.onNew(fault);
      if (fault.outlook !== "retried") this.#arm(fault);
    }
  }

  /** Stops the timers. */
  clear(): void {
    for (const timer of this.#timers.values()) clearTimeout(timer);
  }

  #arm(fault: Fault): void {
    const expire = () => {
      // A driver with one executor finishes the day.
      if (fault.isOfExecutor && this.#handling.hasExecutor()) this.#arm(fault);
      else this.#handling.onFatal(fault);
    };
    this.#timers.set(fault.key, setTimeout(expire, this.#handling.patience));
  }
}
