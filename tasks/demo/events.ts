import { CASES, LIVES, type Market, MARKETS, PAYLOADS, TEXTS } from "./event_cases.ts";

/** The SQL that creates the outbox, with the same columns and indexes as Robson's Django. */
export const CREATE_OUTBOX = `
CREATE TABLE stop_events (
  event_id uuid NOT NULL PRIMARY KEY,
  event_seq bigint NULL UNIQUE,
  occurred_at timestamp with time zone NOT NULL,
  operation_id bigint NOT NULL,
  client_id bigint NOT NULL,
  symbol varchar(20) NOT NULL,
  event_type varchar(32) NOT NULL,
  trigger_price numeric(20, 8) NULL,
  stop_price numeric(20, 8) NULL,
  quantity numeric(20, 8) NULL,
  side varchar(10) NULL,
  execution_token varchar(64) NULL,
  payload_json jsonb NULL,
  request_payload_hash varchar(64) NULL,
  exchange_order_id varchar(64) NULL,
  fill_price numeric(20, 8) NULL,
  slippage_pct numeric(10, 4) NULL,
  source varchar(20) NOT NULL,
  error_message text NULL,
  retry_count integer NULL
);
CREATE INDEX stop_events_occurred_at_idx ON stop_events (occurred_at);
`;

/** The two events of the runbook's first run: one stop of 2025-12-28, triggered and executed. */
export const RUNBOOK_EVENTS = `
INSERT INTO stop_events (
  event_id, event_seq, occurred_at, operation_id, client_id, symbol, event_type,
  trigger_price, stop_price, quantity, side, execution_token, payload_json, request_payload_hash,
  exchange_order_id, fill_price, slippage_pct, source, error_message, retry_count
) VALUES (
  '6f1d2c7e-0a54-4c1b-9f38-2b7d51e0a001', 1, '2025-12-28 14:03:11.204518+00', 1, 1, 'BTCUSDC',
  'STOP_TRIGGERED', 87412.35000000, 87500.00000000, 0.01500000, 'SELL', '1:87500.00:1766930591',
  '{"price": "87412.35", "stop": "87500.00", "feed": {"stream": "btcusdc@trade", "lag_ms": 41}}',
  '9b74c9897bac770ffc029102a200c5de7d4b2b6a1f0c4a5a6f3a0f5e2d1c0b9a',
  NULL, NULL, NULL, 'ws', NULL, 0
), (
  '6f1d2c7e-0a54-4c1b-9f38-2b7d51e0a002', 2, '2025-12-28 14:03:11.873046+00', 1, 1, 'BTCUSDC',
  'EXECUTED', 87412.35000000, 87500.00000000, 0.01500000, 'SELL', '1:87500.00:1766930591',
  '{"orderId": 8342910457, "status": "FILLED", "fills": [{"price": "87398.10", "qty": "0.015"}]}',
  '9b74c9897bac770ffc029102a200c5de7d4b2b6a1f0c4a5a6f3a0f5e2d1c0b9a',
  '8342910457', 87398.10000000, 0.1165, 'ws', NULL, 0
);
`;

/** Options of {@linkcode generatedEvents}. */
export interface GeneratedOptions {
  /** Selects the set of events, from 0 (the default) to 900,000. */
  readonly seed?: number;
  /** The first `event_seq`. The default depends on the seed, so that seeds do not overlap. */
  readonly startSeq?: number;
  /** The UTC day of all events; the default is `2025-12-28`. */
  readonly day?: string;
}

const NAMES = [
  "event_id",
  "event_seq",
  "occurred_at",
  "operation_id",
  "client_id",
  "symbol",
  "event_type",
  "trigger_price",
  "stop_price",
  "quantity",
  "side",
  "execution_token",
  "payload_json",
  "request_payload_hash",
  "exchange_order_id",
  "fill_price",
  "slippage_pct",
  "source",
  "error_message",
  "retry_count",
];
const EVENTS_PER_ROUND = LIVES.flat().length;

/**
 * Returns one SQL statement that inserts `count` events. They belong to about a third as many
 * operations, spread over one day, with nulls in every nullable column. The first 64 of every 20,000
 * events have extreme values. The same arguments always give the same rows.
 *
 * Each combination of seed and `event_seq` has its own event id.
 *
 * @throws {RangeError} an option is not a whole number in its range, or not a day
 */
export function generatedEvents(count: number, options: GeneratedOptions = {}): string {
  const { seed = 0, startSeq = seed * 10_000_000_000 + 1000, day = "2025-12-28" } = options;
  for (const number of [count, seed, startSeq, startSeq + count]) {
    if (!Number.isSafeInteger(number) || number < 0 || seed > 900_000) {
      throw new RangeError(`Cannot generate events: ${number} is no whole number in range.`);
    }
  }
  if (!/^\d{4}-\d\d-\d\d$/.test(day)) {
    throw new RangeError(`Cannot generate events: ${JSON.stringify(day)} is no day.`);
  }
  return `
INSERT INTO stop_events (${NAMES.join(", ")})
WITH
slots (slot, life, step, type) AS (VALUES ${slots()}),
markets (market, symbol, price) AS (VALUES ${MARKETS.map(market).join(", ")}),
numbered AS (
  SELECT i, i % 20000 AS r, ${startSeq}::bigint + i AS seq,
    i / ${EVENTS_PER_ROUND} * ${LIVES.length} + life AS op, step, type,
    -- five independent random numbers of 0..2^31-1: h of the event, o of its operation
    hashint8extended(i, ${seed} + 1) & 2147483647 AS h1,
    hashint8extended(i, ${seed} + 1000001) & 2147483647 AS h2,
    hashint8extended(i, ${seed} + 2000001) & 2147483647 AS h3,
    hashint8extended(i / ${EVENTS_PER_ROUND} * 64 + life, ${seed} + 3000001) & 2147483647 AS o1,
    hashint8extended(i / ${EVENTS_PER_ROUND} * 64 + life, ${seed} + 4000001) & 2147483647 AS o2
  FROM generate_series(0::bigint, ${count - 1}::bigint) AS i
  JOIN slots ON slot = i % ${EVENTS_PER_ROUND}
),
priced AS (
  SELECT *, type IN ('EXECUTED', 'SLIPPAGE_BREACH') AS filled,
    price + price / 100000 * (o2 % 4001 - 2000) AS stop -- in units of 0.00000001
  FROM numbered JOIN markets ON market = o1 % ${MARKETS.length}
)
SELECT
  md5('${seed}/' || seq)::uuid,
  ${cases("event_seq", "CASE WHEN h1 % 50 <> 0 THEN seq END")},
  '${day} 00:00:00+00'::timestamptz + INTERVAL '1 microsecond' * ${
    cases("occurred_at", moment(count))
  },
  ${cases("operation_id", `${startSeq} + 100000 + op`, "op", seed)},
  ${cases("client_id", "1 + o2 % 20", "op")},
  symbol,
  type,
  ${
    cases(
      "trigger_price",
      "CASE WHEN type NOT IN ('STALE_PRICE', 'KILL_SWITCH') THEN (stop - stop / 1000000 * (h1 % 900)) * 0.00000001 END",
    )
  },
  ${cases("stop_price", "CASE WHEN h2 % 40 <> 0 THEN stop * 0.00000001 END")},
  ${cases("quantity", "CASE WHEN h2 % 41 <> 0 THEN (1 + o1 % 500000000) * 0.00000001 END")},
  ${
    cases("side", "CASE WHEN h2 % 43 <> 0 THEN CASE WHEN o1 % 3 = 0 THEN 'BUY' ELSE 'SELL' END END")
  },
  ${cases("execution_token", "CASE WHEN type <> 'STALE_PRICE' THEN md5('token/' || o1 || o2) END")},
  ${cases("payload_json", payload())},
  CASE WHEN h3 % 10 <> 0 THEN md5('request/' || o1) || md5('request/' || h1) END,
  ${
    cases(
      "exchange_order_id",
      "CASE WHEN type IN ('EXECUTED', 'EXECUTION_SUBMITTED') THEN (8000000000 + h2)::text END",
    )
  },
  ${
    cases(
      "fill_price",
      "CASE WHEN filled THEN (stop - stop / 1000000 * (h3 % 3000 - 500)) * 0.00000001 END",
    )
  },
  ${cases("slippage_pct", "CASE WHEN filled THEN (h3 % 3000 - 500) * 0.0001 END")},
  CASE WHEN o1 % 20 = 0 THEN 'manual' WHEN o1 % 4 = 0 THEN 'cron' ELSE 'ws' END,
  ${
    cases(
      "error_message",
      `CASE WHEN type IN ('FAILED', 'BLOCKED', 'CIRCUIT_BREAKER') OR h3 % 25 = 0 THEN ${
        pick(TEXTS, "h2")
      } END`,
    )
  },
  ${
    cases(
      "retry_count",
      "CASE WHEN h3 % 7 <> 0 THEN CASE WHEN type = 'FAILED' THEN 1 + h3 % 4 ELSE 0 END END",
    )
  }
FROM priced;
`;
}

/** Lists the events of a round as SQL rows: slot, operation, step and type. */
function slots(): string {
  return LIVES
    .flatMap((life, index) => life.map((type, step) => ({ index, step, type })))
    .map(({ index, step, type }, slot) => `(${slot}, ${index}, ${step}, '${type}')`)
    .join(", ");
}

function market({ symbol, price }: Market, index: number): string {
  return `(${index}, '${symbol}', ${price}::bigint)`;
}

/** SQL for microseconds since midnight. Operations follow each other, and one event in 97 is late. */
function moment(count: number): string {
  const operations = Math.ceil(count / EVENTS_PER_ROUND) * LIVES.length;
  const apart = Math.floor(86_300_000_000 / Math.max(operations, 1));
  return `LEAST(86399999998, GREATEST(1,
    op * ${apart} + o2 % ${apart} + step * 400000 + h1 % 390000
    - CASE WHEN h3 % 97 = 0 THEN h1 % 600000000 ELSE 0 END))`;
}

/** SQL for a payload: usually a typical response of an exchange, sometimes an unusual one. */
function payload(): string {
  return `CASE
    WHEN h3 % 30 = 0 THEN NULL
    WHEN h3 % 29 = 0 THEN (${pick(PAYLOADS, "h2")})::jsonb
    ELSE jsonb_build_object('symbol', symbol, 'price', (stop * 0.00000001)::text,
      'order', jsonb_build_object('id', 8000000000 + h2, 'attempt', h1 % 3), 'tick', h3)
  END`;
}

/** SQL that inserts the extreme values of a column, by event (`r`) or by operation (`op`). */
function cases(column: string, otherwise: string, by: "r" | "op" = "r", seed = 0): string {
  const edges = Object.entries(CASES[column] ?? {});
  const when = edges.map(([at, value]) => `WHEN ${at} THEN ${value.replace("{seed}", `${seed}`)}`);
  return `CASE ${by} ${when.join(" ")} ELSE ${otherwise} END`;
}

/** SQL that selects one of the texts by a non-negative number. */
function pick(texts: readonly string[], by: string): string {
  return `(ARRAY[${texts.map(literal).join(", ")}])[1 + ${by} % ${texts.length}]`;
}

/** Quotes a text as SQL, independent of the settings of the server. */
function literal(text: string): string {
  return `E'${text.replaceAll("\\", "\\\\").replaceAll("'", "''").replaceAll("\n", "\\n")}'`;
}
