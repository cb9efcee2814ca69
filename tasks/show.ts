import { lakeConfig } from "../pipeline/config.ts";
import { Failure } from "../pipeline/errors.ts";
import { openLake } from "../pipeline/lake/lake.ts";
import { findRows, type RowLayer, type RowQuery } from "../pipeline/rows.ts";
import { main } from "./cli/command.ts";
import { dayFor, ENVIRONMENT_HELP } from "./cli/day.ts";
import { choice, type Flags } from "./cli/flags.ts";
import { OUTPUTS } from "./cli/observer.ts";
import { colourWanted, lineWidth, print } from "./cli/terminal.ts";
import { columnsAsked, conditionOf, DEFAULT_LIMIT, limitOf } from "./show/query.ts";
import { renderCount, renderJsonRow, renderRows } from "./show/text.ts";

await main({
  name: "show",
  values: ["date", "limit", "columns", "output"],
  switches: [],
  repeatable: ["where"],
  operands: ["layer", "day"],
  help: `
Shows rows of one day of bronze or silver, exactly as they are in the files that its commit marker
names. It changes nothing.

Usage: deno task show bronze|silver [DAY] [--where COLUMN=VALUE] [--columns A,B,C] [--limit N]
                                    [--output text|json]

  DAY, --date DAY        YYYY-MM-DD in UTC, today or yesterday; without it JOB_DATE, else today
  --where COLUMN=VALUE   only rows with this value, as it is printed; several must all hold
  --columns A,B,C        only these columns, in this order
  --limit N              at most so many rows; ${DEFAULT_LIMIT} unless told
  --output json          one line of JSON per row; 64-bit integers and decimals are strings

Examples:
  deno task show silver 2025-12-28
  deno task show bronze 2025-12-28 --where operation_id=1 --where fill_price=null
  deno task show bronze 2025-12-28 --columns event_id,occurred_at --limit 1000 --output json
${ENVIRONMENT_HELP}`,
  async run(flags) {
    const output = choice(flags, "output", OUTPUTS);
    const layer = layerOf(flags);
    const columns = columnsAsked(layer, flags.value("columns"));
    const conditions = flags.all("where").map((text) => conditionOf(layer, text));
    const limit = limitOf(flags.value("limit"));
    const config = lakeConfig();
    const day = await dayFor({ ...flags, operand: flags.operands[1] });
    const query: RowQuery = { layer, day, columns, conditions, limit };
    const lake = openLake(config);
    try {
      const found = await findRows(lake, query);
      if (output === "json") {
        found.rows.forEach((row) => print(renderJsonRow(row, columns)));
      } else {
        const options = { colour: colourWanted(), width: lineWidth() };
        renderRows(found, query, options).forEach((line) => print(line));
        print(renderCount(found, query));
      }
      return 0;
    } finally {
      lake.close();
    }
  },
});

function layerOf({ operand }: Flags): RowLayer {
  if (operand === "bronze" || operand === "silver") return operand;
  const problem = operand === undefined ? "" : ` ${JSON.stringify(operand)}`;
  throw new Failure(
    "configuration",
    `Cannot show${problem}: name what to show, bronze or silver, as in deno task show silver ` +
      "2025-12-28.",
  );
}
