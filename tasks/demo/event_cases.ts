/** A market of the generated events. */
export interface Market {
  /** The exchange's name for the market, for example `BTCUSDC`. */
  readonly symbol: string;
  /** A typical price in units of 0.00000001. */
  readonly price: string;
}

/** Markets with high prices, down to a price that needs all eight decimals. */
export const MARKETS: readonly Market[] = [
  { symbol: "BTCUSDC", price: "8750000000000" },
  { symbol: "ETHUSDC", price: "293500000000" },
  { symbol: "BNBUSDC", price: "84200000000" },
  { symbol: "SOLUSDC", price: "12350000000" },
  { symbol: "XRPUSDC", price: "186400000" },
  { symbol: "DOGEUSDC", price: "12310000" },
  { symbol: "1000CATUSDC", price: "201000" },
];

const TRIGGERED = "STOP_TRIGGERED";
const SUBMITTED = "EXECUTION_SUBMITTED";

/**
 * The event types of successive operations. The first three operations have each of the nine types
 * once. The others are typical: retries, repeated triggers, stops that are still open at midnight, and
 * an operation that never executes.
 */
export const LIVES: readonly (readonly string[])[] = [
  [TRIGGERED, SUBMITTED, "EXECUTED"],
  ["STALE_PRICE", "SLIPPAGE_BREACH", "FAILED"],
  ["KILL_SWITCH", "CIRCUIT_BREAKER", "BLOCKED"],
  [TRIGGERED, SUBMITTED, "EXECUTED"],
  [TRIGGERED, "STALE_PRICE", SUBMITTED, "SLIPPAGE_BREACH", "EXECUTED"],
  [TRIGGERED, SUBMITTED, "FAILED", SUBMITTED, "EXECUTED"],
  [TRIGGERED, "BLOCKED"],
  [TRIGGERED, SUBMITTED, "EXECUTED"],
  [TRIGGERED, SUBMITTED, "FAILED", "CIRCUIT_BREAKER"],
  [TRIGGERED, SUBMITTED],
  ["STALE_PRICE", "STALE_PRICE", "KILL_SWITCH"],
  [TRIGGERED, TRIGGERED, SUBMITTED, "EXECUTED"],
];

/** Error messages, some of them with characters that break naive text handling. */
export const TEXTS: readonly string[] = [
  "Insufficient balance for requested action.",
  "Timestamp for this request is outside of the recvWindow.",
  "Saldo insuficiente: operação recusada pela corretora",
  "Ордер отклонён биржей",
  "注文は拒否されました",
  "السوق مغلق",
  "cafe\u0301 and café: two spellings of one word",
  "rejected 🛑 by the 👩🏽‍💻 risk desk, 𝒙 > 𝒚",
  "\ufeffa byte order mark comes first",
  `it said "no", then 'no', then \`no\``,
  "line one\nline two\r\nline three\n",
  "\ttabbed, with trailing blanks   ",
  "C:\\robson\\logs\\n, \\N, \\u0041 and \\\\",
  "NULL",
  "zero\u200bwidth, no\u00a0break, \u0001 control, \u007f delete, \u2028 separator",
  "a;b,c|d\te",
];

/** Payloads that are valid but unusual JSON. */
export const PAYLOADS: readonly string[] = [
  "null",
  "{}",
  "[]",
  `""`,
  "0",
  "true",
  `{"price": 123456789012345678901234567890.123456789012345678901234567890}`,
  `{"tiny": 0.00000000000000000000000000000000000001, "scale": 1.50000, "exp": 1e30}`,
  `{"big": [9007199254740993, -9223372036854775809, 18446744073709551616]}`,
  `{"a": {"b": {"c": {"d": [[[{"e": [1, [2, [3, null]]]}]]]}}}}`,
  `{"text": "quote \\" backslash \\\\ newline \\n tab \\t slash / \\u00e9 🛑"}`,
  `{"\ufeffbom": "\ufeff", "": "empty key", "ключ": "значение", "🔑": "🗝️"}`,
];

/**
 * Extreme values of each column, as SQL. The key is the position of the event within 20,000 events, or
 * for `operation_id` and `client_id` the position of the operation.
 */
export const CASES: Readonly<Record<string, Readonly<Record<number, string>>>> = {
  event_seq: { 10: "-seq", 11: "9223372036854775807 - seq", 12: "-9223372036854775807 + seq" },
  occurred_at: { 13: "0", 14: "86399999999", 15: "1", 16: "86399000000" },
  operation_id: { 4: "9223372036854775807 - {seed}", 5: "-9223372036854775807 + {seed}" },
  client_id: { 5: "-1" },
  trigger_price: {
    20: "999999999999.99999999",
    21: "-999999999999.99999999",
    22: "0.00000001",
    23: "0",
  },
  stop_price: {
    24: "999999999999.99999999",
    25: "-999999999999.99999999",
    26: "0.00000001",
    27: "0",
  },
  quantity: {
    28: "999999999999.99999999",
    29: "-999999999999.99999999",
    30: "0.00000001",
    31: "0",
  },
  fill_price: {
    32: "999999999999.99999999",
    33: "-999999999999.99999999",
    34: "0.00000001",
    35: "0",
  },
  slippage_pct: { 36: "999999.9999", 37: "-999999.9999", 38: "0.0001", 39: "0" },
  retry_count: { 40: "2147483647", 41: "-2147483648", 42: "1000" },
  side: { 43: "''" },
  execution_token: { 44: "''", 45: "repeat('é', 64)" },
  exchange_order_id: { 46: "''", 47: "repeat('🛑', 64)" },
  error_message: { 48: "''", 49: "repeat('stack trace line' || chr(10), 500)" },
  payload_json: {
    50: "'null'",
    51: "'\"\"'",
    // once in 20,000 events, and incompressible, so that it stays this long everywhere
    52: `jsonb_build_object('body', (SELECT string_agg(md5(n::text), '')
      FROM generate_series(1, 6250) AS n))`,
  },
};
