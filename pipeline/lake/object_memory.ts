// A part has up to 16 MB. Memory that is freed and allocated again for each part fragments the heap,
// and the system takes time to provide each new page of it.

/** Allocates memory for objects that are read one after the other. */
export interface ObjectMemory {
  /** Returns an array for a whole object. At first, it can contain bytes of an earlier object. */
  array(length: number): Uint8Array<ArrayBuffer>;
  /** Keeps the memory of an array for another object. The array, and all views of it, become empty. */
  free(bytes: Uint8Array<ArrayBuffer>): void;
  /** Frees the memory that is kept. */
  close(): void;
}

/** Smaller objects get memory of their own, in bytes. */
const LEAST_BYTES = 1 << 20;

/**
 * Creates an allocator that keeps the memory of at most one object.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { createObjectMemory } from "./object_memory.ts";
 * const memory = createObjectMemory();
 * const bytes = memory.array(2 << 20);
 * memory.free(bytes);
 * assertEquals(bytes.length, 0); // the array cannot show the next object
 * memory.close();
 * ```
 */
export function createObjectMemory(): ObjectMemory {
  let spare: ArrayBuffer | undefined;
  return {
    array(length) {
      if (length < LEAST_BYTES) return new Uint8Array(length);
      let buffer = spare;
      if (buffer !== undefined && buffer.byteLength >= length) spare = undefined;
      // Parts have almost the same size, so the next one can fit.
      else buffer = new ArrayBuffer(Math.ceil(length / LEAST_BYTES) * LEAST_BYTES);
      return new Uint8Array(buffer, 0, length);
    },
    free({ buffer }) {
      const [kept, freed] = [spare, buffer.transfer()]
        .filter((each) => each !== undefined)
        .sort((a, b) => b.byteLength - a.byteLength);
      freed?.transfer(0); // now, instead of at some later garbage collection
      spare = kept;
    },
    close() {
      spare?.transfer(0);
      spare = undefined;
    },
  };
}
