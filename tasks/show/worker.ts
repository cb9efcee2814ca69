import type { Day } from "../../pipeline/contract/window.ts";
import type { Lake } from "../../pipeline/lake/lake.ts";
import { findQuarantine, findRows, type RowLayer } from "../../pipeline/rows.ts";
import { type LakeOrder, serveOnLake } from "../cli/lake_worker.ts";
import type { OUTPUTS } from "../cli/observer.ts";
import { colourWanted, lineWidth, print } from "../cli/terminal.ts";
import { columnsAsked, conditionOf } from "./query.ts";
import { renderCount, renderJsonRow, renderQuarantine, renderRows } from "./text.ts";

/** The job of the worker. */
export interface ShowOrder extends LakeOrder {
  readonly what: RowLayer | "quarantine";
  readonly day: Day;
  /** The value of `--columns`. */
  readonly columns: string | undefined;
  /** The values of `--where`. */
  readonly where: readonly string[];
  /** The largest number of rows. */
  readonly limit: number;
  readonly output: (typeof OUTPUTS)[number];
}

// This is a worker. Its permissions are limited to reading the lake.

serveOnLake(async (order: ShowOrder, lake) => {
  const { what } = order;
  if (what === "quarantine") await showQuarantine(order, lake);
  else await showRows(what, order, lake);
  return 0;
});

async function showRows(layer: RowLayer, order: ShowOrder, lake: Lake): Promise<void> {
  const { day, limit, output } = order;
  const columns = columnsAsked(layer, order.columns);
  const conditions = order.where.map((text) => conditionOf(layer, text));
  const query = { layer, day, columns, conditions, limit };
  const found = await findRows(lake, query);
  if (output === "json") {
    found.rows.forEach((row) => print(renderJsonRow(row, columns)));
    return;
  }
  const options = { colour: colourWanted(), width: lineWidth() };
  renderRows(found, query, options).forEach((line) => print(line));
  print(renderCount(found, query));
}

async function showQuarantine({ day, limit, output }: ShowOrder, lake: Lake): Promise<void> {
  const { events } = await findQuarantine(lake, day);
  const some = events.slice(0, limit);
  if (output === "json") some.forEach((event) => print(JSON.stringify(event)));
  else renderQuarantine(day, some, events.length, colourWanted()).forEach((line) => print(line));
}
