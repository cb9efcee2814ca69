import { gzipSync } from "node:zlib";
import { openArchive } from "../../checks/image/archive.ts";
import { loginsFor } from "../../checks/image/credentials.ts";
import { parseConfig, parseManifest } from "../../checks/image/image.ts";
import { Malformed } from "../../checks/image/image_errors.ts";
import { readLayer } from "../../checks/image/layer_files.ts";
import { addressOf, parseImage } from "../../checks/image/reference.ts";
import { parseChallenge } from "../../checks/image/registry.ts";
import { accessOf } from "../../pipeline/cluster/kubeconfig.ts";
import { parseCredential } from "../../pipeline/cluster/exec_plugin.ts";
import { parseKubeconfig } from "../../pipeline/cluster/kubeconfig.ts";
import { inputOf, readMessage } from "../../pipeline/cluster/web_socket.ts";
import { databaseConfig, lakeConfig, requestedDays, sealGrace } from "../../pipeline/config.ts";
import type { PostgresType } from "../../pipeline/contract/column.ts";
import { EVENT_COLUMNS } from "../../pipeline/contract/tables.ts";
import { parseDay, windowOf } from "../../pipeline/contract/window.ts";
import { Failure } from "../../pipeline/errors.ts";
import type { Lake } from "../../pipeline/lake/lake.ts";
import { readMarker } from "../../pipeline/lake/marker.ts";
import { openPart } from "../../pipeline/lake/parquet_reader.ts";
import { type CopyBlock, tapSocket } from "../../pipeline/outbox/copy_tap.ts";
import { createEventParts } from "../../pipeline/pages/event_parts.ts";
import { readDecimal10, writeDecimal20 } from "../../pipeline/outbox/numeric.ts";
import { readFlags } from "../../tasks/cli/flags.ts";
import { DAY, EVENTS, publishedDay, rowGroup } from "../checks/healthy/published_day.ts";
import { memoryLake } from "../support/memory_lake.ts";
import { blockOf, copyOf, join, message, TRAILER } from "../support/copy_stream.ts";
import { writeWithDuckdb } from "../support/duckdb.ts";
import { dockerArchive, imageOf, ociArchive, tarOf } from "../support/images.ts";
import type { Target } from "./target.ts";
import { createPart } from "../support/parquet_writer.ts";

const utf8 = (text: string) => new TextEncoder().encode(text);
const textOf = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
const isFailure = (error: unknown) => error instanceof Failure;

/** The header and an event of a binary COPY, in the format that the Postgres manual describes. */
function copyStream(): Uint8Array {
  const field = (bytes: readonly number[]) => [0, 0, 0, bytes.length, ...bytes];
  const of: Record<PostgresType, number[]> = {
    uuid: field(Array(16).fill(7)),
    bigint: field([0, 0, 0, 0, 0, 0, 1, 2]),
    integer: field([0, 0, 0, 3]),
    "timestamp with time zone": field([0, 2, 0xe9, 0xd1, 2, 3, 4, 5]),
    "character varying": field([...utf8("BTCUSDC")]),
    text: field([...utf8("refused: 東京")]),
    // 12.3400: two digits, weight 0, plus, scale 4
    numeric: field([0, 2, 0, 0, 0, 0, 0, 4, 0, 12, 0x0d, 0x48]),
    jsonb: field([1, ...utf8('{"price": "1.5"}')]),
  };
  const row = [0, EVENT_COLUMNS.length, ...EVENT_COLUMNS.flatMap(({ postgres }) => of[postgres])];
  const signature = [...utf8("PGCOPY\n"), 0xff, 13, 10, 0];
  return Uint8Array.from([...signature, ...Array(8).fill(0), ...row]);
}

const OTHER_ROWS = `
  SELECT 'id-' || i AS event_id, 'BTC' || i % 3 AS symbol, i::BIGINT AS event_seq,
    CASE WHEN i % 2 = 0 THEN i END::INTEGER AS retry_count
  FROM range(500) AS t(i)`;

/** Parts written by this pipeline, and by DuckDB with version 1 data pages, as Spark writes them. */
async function parts(): Promise<Uint8Array[]> {
  const own = [...(await publishedDay()).objects].flatMap(([key, bytes]) =>
    key.endsWith(".parquet") ? [bytes] : []
  );
  const large = createPart(EVENT_COLUMNS);
  for (let i = 0; i < 3; i++) {
    large.write(rowGroup(Array.from({ length: 300 }, (_, n) => EVENTS[n % EVENTS.length]!)));
  }
  const folder = await Deno.makeTempDir({ prefix: "fuzz-" });
  const others: Uint8Array[] = [];
  for (const codec of ["snappy", "zstd", "uncompressed"]) {
    const file = `${folder}/${codec}.parquet`;
    await writeWithDuckdb(OTHER_ROWS, file, `CODEC '${codec}'`);
    others.push(await Deno.readFile(file));
  }
  await Deno.remove(folder, { recursive: true });
  return [...own, large.finish().body, ...others];
}

const markerLake = (bytes: Uint8Array<ArrayBuffer>): Lake => ({
  ...memoryLake(),
  get: () => Promise.resolve({ bytes, etag: "0" }),
});

const VARIABLES = [
  "DJANGO_DB_HOST=db",
  "DJANGO_DB_PORT=5432",
  "DJANGO_DB_PASSWORD=x",
  "PGSSLMODE=verify-full",
  "AWS_ACCESS_KEY_ID=AKIA",
  "AWS_SECRET_ACCESS_KEY=a/b+c",
  "AWS_REGION=us-east-1",
  "S3_ENDPOINT=https://store:9000",
  "S3_BUCKET=rbs",
  "JOB_DATE=2025-12-28",
  "AWS_SESSION_TOKEN=abc",
  "SEAL_GRACE_MINUTES=15",
];

/** Parses variables from lines of `NAME=value`. */
function environment(text: string) {
  const values = new Map(
    text.split("\n").map((line): [string, string] => {
      const equals = line.indexOf("=");
      return [line.slice(0, equals), line.slice(equals + 1)];
    }),
  );
  return { get: (name: string) => values.get(name) };
}

/** Makes every call even if an earlier one threw, and rethrows errors other than a Failure. */
function each(...calls: readonly (() => unknown)[]): void {
  for (const call of calls) {
    try {
      call();
    } catch (error) {
      if (!isFailure(error)) throw error;
    }
  }
}

const KUBECONFIG = `apiVersion: v1
kind: Config
current-context: k3s
clusters: [{name: k3s, cluster: {server: "https://127.0.0.1:6443", insecure-skip-tls-verify: true}}]
contexts:
- name: k3s
  context: {cluster: k3s, user: admin, namespace: analytics-jobs}
users:
- name: admin
  user:
    exec: {apiVersion: client.authentication.k8s.io/v1, command: login, args: [a, b]}
`;

const IMAGE = imageOf({ layers: [{ "opt/spark/jars/a.jar": "jar" }], env: ["PATH=/bin"] });

/** The parsers of `pipeline/` and of the command line. */
export const PIPELINE_TARGETS: readonly Target[] = [
  {
    name: "parquet",
    seeds: parts,
    async run(bytes) {
      const part = openPart(bytes);
      for (const { name } of part.columns) {
        try {
          for await (const _ of part.groups([name])) { /* only read */ }
        } catch (error) {
          if (!(error instanceof Error)) throw error;
        }
      }
    },
    isExpected: (error) => error instanceof Error, // as openPart documents
  },
  {
    name: "marker",
    async seeds() {
      const { objects } = await publishedDay();
      return [...objects].flatMap(([key, bytes]) => key.endsWith(".json") ? [bytes] : []);
    },
    async run(bytes) {
      for (const layer of ["bronze", "silver"] as const) {
        await readMarker(markerLake(bytes), layer, "_commit.json", DAY).catch((error) => {
          if (!isFailure(error)) throw error;
        });
      }
    },
    isExpected: isFailure,
  },
  {
    name: "copy",
    seeds: () => [copyStream()],
    async run(bytes) {
      const first = bytes.subarray(0, bytes.length >> 1);
      const copy = copyOf(blockOf([first, bytes.subarray(first.length), TRAILER]));
      const parts = await Array.fromAsync(createEventParts().read([copy])).catch((error) => {
        if (!(error instanceof Error)) throw error; // as createEventParts documents
        return [];
      });
      // A part that was written can be read. Only Postgres ensures that a text is valid UTF-8.
      const columns = EVENT_COLUMNS.filter(({ type }) => type !== "STRING");
      for (const { body } of parts) {
        const groups = openPart(body).groups(columns.map(({ name }) => name));
        for await (const _ of groups) { /* only read */ }
      }
    },
    isExpected: () => false,
  },
  {
    name: "protocol",
    seeds: () => [
      join(message("H", Uint8Array.of(1, 0, 0)), message("d", copyStream()), message("Z")),
    ],
    async run(bytes) {
      const blocks: CopyBlock[] = [];
      let receive = (_: Uint8Array) => {};
      const tap = tapSocket({
        pause() {},
        resume() {},
        listeners: () => [() => {}],
        removeAllListeners() {},
        on: (_, listener) => receive = listener,
      });
      tap.begin({
        allocate: (size) => new Uint8Array(size),
        take: (block) => blocks.push(block),
      });
      const half = bytes.length >> 1;
      receive(bytes.subarray(0, half));
      receive(bytes.subarray(half));
      for await (const _ of createEventParts().read([copyOf(...blocks)])) { /* only read */ }
    },
    isExpected: (error) => error instanceof Error, // as createEventParts documents
  },
  {
    name: "numeric",
    seeds: () => [Uint8Array.of(0, 2, 0, 0, 0, 0, 0, 4, 0, 12, 13, 72, 0, 0, 0, 0)],
    run(bytes) {
      if (bytes.length < 8) return;
      // A decoder only sees complete fields: the digit count always matches the length of the
      // field.
      const view = new DataView(bytes.buffer);
      view.setInt16(0, Math.min(Math.abs(view.getInt16(0)), (bytes.length - 8) >> 1));
      readDecimal10(view, 0);
      writeDecimal20(view, 0, new DataView(new ArrayBuffer(9)), 0);
    },
    isExpected: () => false,
  },
  {
    name: "variables",
    seeds: () => [utf8(VARIABLES.join("\n")), utf8("LAKE_URL=file:///var/lib/lake")],
    run(bytes) {
      const env = environment(textOf(bytes));
      each(
        () => databaseConfig(env),
        () => lakeConfig(env),
        () => requestedDays({}, env),
        () => sealGrace(env),
      );
    },
    isExpected: isFailure,
  },
  {
    name: "day",
    seeds: () => ["2025-12-28", "0001-01-01", "9999-12-31"].map(utf8),
    run(bytes) {
      const text = textOf(bytes);
      const day = parseDay(text);
      if (day !== undefined) windowOf(day);
      each(
        () => requestedDays({ operand: text }, environment("")),
        () => requestedDays({ from: text, to: "2025-12-31" }, environment("")),
      );
    },
    isExpected: isFailure,
  },
  {
    name: "flags",
    seeds: () => ["--date\n2025-12-28\n--output=json\n--dry-run", "--help\n--\nx"].map(utf8),
    run(bytes) {
      const spec = { values: ["date", "output"], switches: ["dry-run"], repeatable: ["skip"] };
      readFlags(textOf(bytes).split("\n"), { ...spec, operand: "day" });
    },
    isExpected: isFailure,
  },
  {
    name: "kubeconfig",
    seeds: () => [utf8(KUBECONFIG)],
    run: (bytes) => accessOf(parseKubeconfig(textOf(bytes), "config")),
    isExpected: isFailure,
  },
  {
    name: "credential",
    seeds: () => [
      utf8(JSON.stringify({
        kind: "ExecCredential",
        apiVersion: "client.authentication.k8s.io/v1",
        status: { token: "abc", expirationTimestamp: "2026-01-01T00:00:00Z" },
      })),
    ],
    run: (bytes) => parseCredential(textOf(bytes), "client.authentication.k8s.io/v1"),
    isExpected: () => false,
  },
  {
    name: "frames",
    seeds: () => [Uint8Array.of(0x82, 3, 0, 1, 2, 0x89, 0, 0x82, 126, 0, 2, 9, 9, 0x88, 0)],
    async run(bytes) {
      let at = 0;
      const read = (into: Uint8Array) => {
        const piece = bytes.subarray(at, at + Math.min(into.length, 7));
        into.set(piece);
        at += piece.length;
        return Promise.resolve(piece.length === 0 ? null : piece.length);
      };
      const input = inputOf({ read } as Deno.Conn);
      while (await readMessage(input, () => Promise.resolve()) !== undefined);
    },
    isExpected: (error) => error instanceof Error, // as readMessage documents
  },
  {
    name: "layer",
    seeds() {
      const tar = tarOf({ "a/": "", "a/b.jar": "jar", "a/l": { symlink: "b.jar" }, ".wh.x": "" });
      return [tar, gzipSync(tar)];
    },
    run: (bytes) => readLayer(ReadableStream.from([bytes])),
    isExpected: (error) => error instanceof Malformed,
  },
  {
    name: "archive",
    seeds() {
      return [
        ociArchive(IMAGE.manifest, [IMAGE], "spark:1"),
        dockerArchive(IMAGE, ["spark:1"]),
      ];
    },
    async run(bytes) {
      const file = await Deno.makeTempFile({ prefix: "fuzz-" });
      try {
        await Deno.writeFile(file, bytes);
        await openArchive(file, undefined);
      } finally {
        await Deno.remove(file);
      }
    },
    isExpected: isFailure,
  },
  {
    name: "image-manifest",
    seeds() {
      return [IMAGE.manifest.bytes, IMAGE.config.bytes];
    },
    run(bytes) {
      for (const parse of [parseManifest, parseConfig]) {
        try {
          parse(bytes);
        } catch (error) {
          if (!(error instanceof Malformed)) throw error;
        }
      }
    },
    isExpected: () => false,
  },
  {
    name: "registry-texts",
    seeds: () =>
      [
        'Bearer realm="https://auth.docker.io/token",service="a",scope="repository:x:pull", Basic a',
        "registry.example:5000/team/spark:3.5.3@sha256:" + "a".repeat(64),
        '{"auths":{"docker.io":{"auth":"YTpi"},"x":{"username":"a","password":"b"}}}',
      ].map(utf8),
    run(bytes) {
      const text = textOf(bytes);
      parseChallenge(text);
      each(
        () => parseImage(text),
        () => loginsFor(bytes, addressOf("spark:3.5.3")),
        () => addressOf(text),
      );
    },
    isExpected: isFailure,
  },
];
