import { Failure } from "../../pipeline/errors.ts";
import { openS3 } from "../../pipeline/lake/s3.ts";

// A separate process, so that a test can give it fewer permissions than its own.

const lake = openS3(JSON.parse(Deno.args[0]!));
try {
  console.log(new TextDecoder().decode((await lake.get("day/a"))?.bytes));
} catch (error) {
  if (!(error instanceof Failure)) throw error;
  console.log(error.message);
}
lake.close();
