// A part takes up to 16 MB. If such memory is given back to the allocator and requested again, the
// process grows by much more than it uses, and each fresh page costs time.

/** The memory for objects that are read one after the other. */
export interface ObjectMemory {
  /** Returns an array for a whole object. Its bytes can be those of an object that was freed. */
  array(length: number): Uint8Array<ArrayBuffer>;
  /** Frees an array for another object. The array, and all others of its memory, become empty. */
  free(bytes: Uint8Array<ArrayBuffer>): void;
  /** Frees the memory that waits for another object. */
  close(): void;
}

/** Smaller objects get memory of their own, in bytes. */
const LEAST_BYTES = 1 << 20;

/**
 * Begins without memory. The memory of one freed object is kept.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { createObjectMemory } from "./object_memory.ts";
 * const memory = createObjectMemory();
 * const bytes = memory.array(2 << 20);
 * memory.free(bytes);
 * assertEquals(bytes.length, 0); // whoever still has the array cannot read another object in it
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
