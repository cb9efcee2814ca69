/** Returns the event_id of the event with this number. */
export function eventId(number: number): string {
  return `00000000-0000-0000-0000-${String(number).padStart(12, "0")}`;
}

/**
 * Returns a statement that inserts one event of 2025-12-28, with its number as event_seq.
 *
 * @param columns SQL expressions that replace or extend the default columns
 */
export function insertEvent(number: number, columns: Record<string, string> = {}): string {
  const values: Record<string, string> = {
    event_id: `'${eventId(number)}'`,
    event_seq: String(number),
    occurred_at: "'2025-12-28T10:00:00Z'",
    operation_id: "7",
    client_id: "1",
    symbol: "'BTCUSDC'",
    event_type: "'EXECUTED'",
    source: "'ws'",
    ...columns,
  };
  return `INSERT INTO stop_events (${Object.keys(values).join(", ")})
          VALUES (${Object.values(values).join(", ")})`;
}
