/**
 * More than the size of the pool that zlib takes small buffers from, in bytes. A buffer of at most
 * this size may be a pool that other code uses, so it must not be freed.
 */
export const LARGEST_POOL: number = 1 << 16;
