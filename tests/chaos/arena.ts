import type { DatabaseConfig } from "../../pipeline/config.ts";
import type { ObjectStore } from "../support/object_store.ts";
import { createOutbox } from "./outbox.ts";
import { startPostgresProxy } from "./postgres_proxy.ts";
import { startS3Proxy } from "./s3_proxy.ts";
import type { Tally } from "./tally.ts";
import type { Arena, Place, Ways } from "./window.ts";

/** Number of runners per window. */
const RUNNERS = 2;

/**
 * Creates an arena: a database, and fault proxies in front of Postgres and the store.
 *
 * @param store the store of the lakes; if absent, lakes are directories
 */
export async function openArena(
  server: DatabaseConfig,
  store: ObjectStore | undefined,
  tally: Tally,
): Promise<Arena & AsyncDisposable> {
  await using opened = new AsyncDisposableStack();
  const database = opened.use(await createOutbox(server));
  const ways: Ways[] = [];
  for (let i = 0; i < RUNNERS; i++) {
    const postgres = opened.use(await startPostgresProxy(server));
    const proxy = store && opened.use(await startS3Proxy(store.config.endpoint));
    ways.push({ postgres, ...(proxy && { store: proxy }) });
  }
  const kept = opened.move();
  return {
    database,
    ways,
    tally,
    newPlace: () => store === undefined ? newDirectory() : newBucket(store),
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  };
}

async function newDirectory(): Promise<Place> {
  const path = await Deno.makeTempDir({ prefix: "chaos-" });
  return {
    config: { kind: "directory", path },
    end: () => Deno.remove(path, { recursive: true }),
  };
}

async function newBucket(store: ObjectStore): Promise<Place> {
  const config = await store.createBucket(`chaos-${crypto.randomUUID()}`);
  return { config, end: () => Promise.resolve() }; // the bucket is removed with the store
}
