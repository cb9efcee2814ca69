import { type Observer, type Work } from "../../pipeline/progress.ts";

/** A step of a layer. Times are seconds since the start of the process. */
export interface RecordedStep {
  readonly layer: string;
  readonly step: string;
  readonly says: string;
  /** When the step before it ended. */
  readonly began: number;
  readonly ended: number;
}

/** The progress of a layer at a time. */
export interface Sample {
  readonly layer: string;
  readonly at: number;
  /** Rows until then. */
  readonly rows: number;
  /** The memory of the process in bytes. */
  readonly memory: number;
}

/** Work on a part, which overlaps other work. Times are seconds since the start of the process. */
export interface RecordedWork {
  readonly layer: string;
  readonly kind: Work["kind"];
  readonly began: number;
  readonly ended: number;
  /** The seconds that it took in between. */
  readonly busy: number;
}

/** The number of samples at which every second one is removed, so that a long run needs no memory. */
const MOST_SAMPLES = 400;

/** The number of works at which every two are joined: silver of many clients has many parts. */
const MOST_WORKS = 400;

/** The least seconds between two samples of a short run. */
const PAUSE = 0.02;

/** Where the steps and the progress are recorded. */
export interface Recorded {
  steps?: RecordedStep[];
  samples?: Sample[];
  work?: RecordedWork[];
}

/** Returns an observer that records when the steps of a layer end, and how far it has come. */
export function recordSteps(layer: string, recorded: Recorded, observer: Observer): Observer {
  const steps = recorded.steps ??= [];
  const samples = recorded.samples ??= [];
  const works = recorded.work ??= [];
  let began = now();
  let pause = PAUSE;
  let last = -Infinity;
  const take = (at: number, rows: number) => {
    last = at;
    samples.push({ layer, at, rows, memory: Deno.memoryUsage().rss });
    if (samples.length < MOST_SAMPLES) return;
    pause *= 2;
    samples.splice(0, samples.length, ...samples.filter((_, i) => i % 2 === 0));
  };
  take(began, 0);
  return {
    step(step) {
      observer.step(step);
      const ended = now();
      steps.push({ layer, step: step.step, says: step.says, began, ended });
      began = ended;
    },
    progress(progress) {
      observer.progress(progress);
      const at = now();
      if (at - last >= pause || progress.rows === progress.of) take(at, progress.rows);
    },
    work({ kind, began, ended, busy }) {
      const second = (time: number) => (time - performance.timeOrigin) / 1000;
      works.push({ layer, kind, began: second(began), ended: second(ended), busy: busy / 1000 });
      if (works.length >= MOST_WORKS) works.splice(0, works.length, ...joined(works));
    },
  };
}

/** Joins works of the same kind, two by two in the order of their beginning. */
function joined(works: readonly RecordedWork[]): RecordedWork[] {
  const waiting = new Map<string, RecordedWork>();
  const pairs = works.toSorted((a, b) => a.began - b.began).flatMap((work) => {
    const key = `${work.layer} ${work.kind}`;
    const before = waiting.get(key);
    if (before === undefined) {
      waiting.set(key, work);
      return [];
    }
    waiting.delete(key);
    const { began } = before;
    const ended = Math.max(before.ended, work.ended);
    // Works that ran at the same time count once.
    return [{ ...work, began, ended, busy: Math.min(before.busy + work.busy, ended - began) }];
  });
  return [...pairs, ...waiting.values()];
}

function now(): number {
  return performance.now() / 1000;
}
