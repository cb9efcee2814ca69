import { dayEndFindings } from "../../../../checks/preflight/code/day_ends.ts";
import type { Language } from "../../../../checks/source_code/code.ts";
import { judgeTableNames } from "../../../../checks/preflight/code/table_name_code.ts";
import { DEFAULT_PROJECT } from "../../../../pipeline/contract/project.ts";
import { assertEquals } from "../../../support/assert.ts";

Deno.test("the ends of days are findings of table-name", () => {
  const text = "SELECT * FROM stop_events WHERE occurred_at <= '2025-12-28 23:59:59'";
  const code = [{ language: "sql", file: "job.sql", line: 1, text }] as const;
  const judged = judgeTableNames({ objects: [], jobs: [], code, project: DEFAULT_PROJECT });
  assertEquals(judged?.findings.map(({ severity, object }) => [severity, object]), [
    ["warn", "job.sql"],
  ]);
});

const linesOf = (text: string, language: Language = "python") =>
  dayEndFindings({ language, file: "job.py", line: 1, text }).map(({ line }) => line);

/** Conditions that lose the last second of a day. */
const LOSES: readonly string[] = [
  `q = f"SELECT * FROM stop_events WHERE occurred_at >= '{d}' AND occurred_at <= '{d} 23:59:59'"`,
  `q = f"WHERE occurred_at < '{d} 23:59:59'"`,
  `q = f"WHERE occurred_at BETWEEN '{d} 00:00:00' AND '{d} 23:59:59'"`,
  `q = "WHERE occurred_at between TIMESTAMP '2025-12-28 00:00:00' and TIMESTAMP '2025-12-28 23:59:59'"`,
  `q = f"WHERE occurred_at <= to_timestamp('{d}T23:59:59Z')"`,
  `q = "WHERE occurred_at <= '" + day + " 23:59:59'"`,
  `q = f"WHERE occurred_at <= '{d} 23:59:59.999'"`,
  `q = f"WHERE occurred_at < '{d} 23:59:59.999999'"`,
  `df = df.filter(col("occurred_at") <= f"{day} 23:59:59")`,
  `df = df.filter(F.col("occurred_at") < F.lit(f"{day} 23:59:59").cast("timestamp"))`,
  `df = df.where(col("occurred_at").between(f"{day} 00:00:00", f"{day} 23:59:59"))`,
  `df = df.where(col("occurred_at").between(lit(f"{day} 00:00:00"), lit(f"{day} 23:59:59")))`,
  `df = df.filter(df.occurred_at <= day + " 23:59:59")`,
  `df = df[df.occurred_at.le(f"{day} 23:59:59")]`,
  `end = f"{day} 23:59:59"\nq = f"WHERE occurred_at <= '{end}'"`,
  `end = f"{day} 23:59:59"\ndf = df.filter(col("occurred_at").between(start, end))`,
  `end = datetime.combine(day, time(23, 59, 59))\ndf = df.filter(col("occurred_at") <= lit(end))`,
  `end = day.replace(hour=23, minute=59, second=59)\ndf = df.filter(col("occurred_at") <= end)`,
  `end = start + timedelta(days=1) - timedelta(seconds=1)\ndf = df.filter(col("t") <= end)`,
  `span = timedelta(seconds=86399)\ndf = df.filter(col("t") <= start + span)`,
  `end = start + timedelta(days=1, seconds=-1)\ndf = df.filter(col("t").between(start, end))`,
  `stmt = select(t).where(t.c.occurred_at <= datetime(2025, 12, 28, 23, 59, 59))`,
  `end = f"{d} 23:59:59"\ncur.execute("SELECT 1 FROM t WHERE occurred_at <= %s", (end,))`,
  `end = f"{d} 23:59:59"\ncur.execute("… WHERE ts BETWEEN %s AND %s", (start, end))`,
  `end = f"{d} 23:59:59"\ns.execute(text("… WHERE ts <= :end"), {"end": end})`,
  `q = f"WHERE occurred_at <= date '{d}' + interval '1 day' - interval '1 second'"`,
  `df = df[df.occurred_at <= f"{day} 23:59:59"]`,
  `df = df.loc[(df.occurred_at >= start) & (df.occurred_at <= f"{day} 23:59:59")]`,
  `is_day = col("occurred_at") <= f"{day} 23:59:59"\ndf = df.filter(is_day)`,
  `is_day = df.occurred_at <= f"{day} 23:59:59"\ndf = df[is_day]`,
  `rows = [row for row in rows if row.occurred_at <= f"{day} 23:59:59"]`,
  `end = f"{day} 23:59:59"\ncondition = f"occurred_at <= '{end}'"`,
  `end = f"{day} 23:59:59"\ncondition = "t >= '" + start + "' AND t <= '" + end + "'"`,
  `df = df.filter(f"t >= '{start}' and t <= '{day} 23:59:59'")`,
  `end = f"{day} 23:59:59"\ndef is_day():\n    return F.col("t") <= end`,
  `end = f"{day} 23:59:59"\ncondition = (\n    (df.t >= start)\n    & (df.t <= end)\n)\ndf = df.filter(condition)`,
  `end = f"{day} 23:59:59"\ndef is_day(df):\n    return df.t <= end\ndf = df.filter(is_day(df))`,
  `self.mask = df["t"] <= f"{day} 23:59:59"\ndf = df.loc[self.mask]`,
  `end = f"{day} 23:59:59"\nfor row in rows:\n    if row.t <= end:\n        found.append(row)`,
  `end = f"{day} 23:59:59"\ndef keep(row):\n    if row["t"] <= end:\n        found.append(row)`,
  `end = f"{day} 23:59:59"\nrow = cursor.fetchone()\nwhile row and row.t <= end:\n    keep(row)`,
  `end = f"{day} 23:59:59"\nwhile (row := next(rows)).t <= end:\n    keep(row)`,
  `end = f"{day} 23:59:59"\ndef is_day(self):\n    return self.occurred_at <= end\nis_day(row)`,
  `end = f"{day} 23:59:59"\nself.frame = self.frame[self.frame.t <= end]`,
  `end = day.replace(hour=23, minute=59,  # the last one\n    second=59)\ndf.filter(col("t") <= end)`,
  `print(spark.sql(f"SELECT 1 FROM t WHERE occurred_at > '{d}'").where(col("t") <= f"{d} 23:59:59"))`,
];
for (const text of LOSES) {
  Deno.test(`table-name warns of a condition that leaves out the last second: ${text}`, () => {
    assertEquals(linesOf(text), [1]);
  });
}

/** Code that loses no event. */
const KEEPS: readonly string[] = [
  `q = f"WHERE occurred_at >= '{d}' AND occurred_at < '{next}'"`,
  `q = f"WHERE occurred_at >= '{d} 23:59:59'"`,
  `q = f"WHERE occurred_at > '{d} 23:59:59' AND occurred_at < '{later}'"`,
  `q = f"WHERE occurred_at BETWEEN '{d} 23:59:59' AND '{later} 12:00:00'"`,
  `q = f"WHERE occurred_at <= '{d} 23:59:59.999999'"`,
  `q = f"WHERE occurred_at BETWEEN '{d}' AND '{d} 23:59:59.999999'"`,
  `q = f"WHERE date_trunc('second', occurred_at) <= '{d} 23:59:59'"`,
  `q = f"WHERE occurred_at::date <= '{d} 23:59:59'"`,
  `# WHERE occurred_at <= '2025-12-28 23:59:59'`,
  `def f():\n    """Not occurred_at <= '2025-12-28 23:59:59'."""`,
  `print("the day ends at 2025-12-28 23:59:59")`,
  `if now.strftime("%H:%M:%S") <= "23:59:59": pass`,
  `end = f"{day} 23:59:59"\nprint(end)\nq = f"WHERE occurred_at < '{next}'"`,
  `end = f"{day} 23:59:59"\nq = f"WHERE occurred_at >= '{end}'"`,
  `end = datetime.combine(day, time(23, 59, 59, 999999))\ndf = df.filter(col("t") <= lit(end))`,
  `end = datetime.combine(day, time.max)\ndf = df.filter(col("occurred_at") <= lit(end))`,
  `wait = timedelta(seconds=1)\ndf = df.filter(col("t") < day + timedelta(days=1))`,
  `end = f"{d} 23:59:59"\ncur.execute("SELECT 1 FROM t WHERE occurred_at > %s", (end,))`,
  `end = f"{d} 23:59:59"\ncur.execute("… WHERE ts <= %s", (next,))\nprint(end)`,
  `end = datetime(2025, 12, 28, 23, 59, 59, 999999)\nx = df.filter(col("t") <= end)`,
  `x = 1 if a <= 59, 59 else 0`,
  `if age < timedelta(seconds=86399): pass`,
  `most = timedelta(hours=23, minutes=59, seconds=59)\nif age <= most: pass`,
  `q = "WHERE now() - occurred_at < interval '1 day' - interval '1 second'"`,
  `q = f"WHERE occurred_at < '{d} 23:59:59'::timestamp + interval '1 second'"`,
  `q = f"WHERE occurred_at < (timestamp '{d} 23:59:59' + interval '1 second')"`,
  `assert row.occurred_at == "2025-12-28 23:59:59"`,
  `end = f"{day} 23:59:59"\nprint(f"{start} <= t <= {end}")`,
  `end = f"{day} 23:59:59"\nlogger.info("rows WHERE t <= '%s'" % end, f"t <= '{end}'")`,
  `end = f"{day} 23:59:59"\nlog.info(f"copying rows BETWEEN {start} AND {end}")`,
  `end = f"{day} 23:59:59"\nraise ValueError(f"not true: t <= '{end}'")`,
  `end = f"{day} 23:59:59"\nmessage = f"{start} <= t <= {end}"`,
  `if datetime.now() < combine(d, time(23,59,59)): wait()`,
  `is_today = datetime.now() < combine(d, time(23,59,59))\nprint(is_today)`,
  `while clock() <= f"{day} 23:59:59": poll()`,
  `while self.now <= f"{day} 23:59:59": poll()`,
  `end = f"{day} 23:59:59"\nif self.started < end: wait()`,
  `end = f"{day} 23:59:59"\nif not done and self.job.started <= end:\n    wait()`,
  `end = f"{day} 23:59:59"\njob = Job()\nif job.started < end: wait()`,
  `while settings["deadline"] <= f"{day} 23:59:59": poll()`,
  `assert run.finished <= f"{day} 23:59:59"`,
];
for (const text of KEEPS) {
  Deno.test(`table-name does not warn of: ${text}`, () => {
    assertEquals(linesOf(text), []);
  });
}

Deno.test("table-name reads the ends of days in SQL and in shell scripts", () => {
  const query = "SELECT *\nFROM stop_events\nWHERE occurred_at <= '2025-12-28 23:59:59'";
  assertEquals(linesOf(query, "sql"), [3]);
  assertEquals(linesOf(`-- ${query.replaceAll("\n", " ")}`, "sql"), []);
  const shell = (text: string) => `psql -c "SELECT 1 FROM t WHERE ts ${text}"`;
  assertEquals(linesOf(shell("<= '$DAY 23:59:59'"), "shell"), [1]);
  assertEquals(linesOf(shell("BETWEEN '$DAY 00:00:00' AND '$DAY 23:59:59'"), "shell"), [1]);
  assertEquals(linesOf(shell(">= '$DAY 23:59:59'"), "shell"), []);
  assertEquals(linesOf(`END="$DAY 23:59:59"\n${shell("<= '$END'")}`, "shell"), [1]);
  assertEquals(linesOf(`# ${shell("<= '$DAY 23:59:59'")}`, "shell"), []);
  const select = `echo "SELECT 1 FROM t WHERE ts <= '$DAY 23:59:59'"`;
  assertEquals(linesOf(`${select} | psql`, "shell"), [1]);
  assertEquals(linesOf(select, "shell"), []);
  const count = shell("<= '$DAY 23:59:59'");
  assertEquals(linesOf(`[[ -n "$DAY" ]] && ${count}`, "shell"), [1]);
  assertEquals(linesOf(`if [ -n "$DAY" ]; then ${count}; fi`, "shell"), [1]);
  assertEquals(linesOf(`echo "copying $DAY"; ${count}`, "shell"), [1]);
  assertEquals(linesOf(`[[ -n "$DAY" ]] && ${select}`, "shell"), []);
  assertEquals(linesOf(`echo "$START <= ts <= $DAY 23:59:59"`, "shell"), []);
  assertEquals(linesOf(`if [[ "$(date)" < "$DAY 23:59:59" ]]; then run; fi`, "shell"), []);
});
