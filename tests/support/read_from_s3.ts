import { Failure } from "../../pipeline/errors.ts";
import { openS3 } from "../../pipeline/lake/s3.ts";

// A process of its own, so that a test can give it less than it has itself.

const lake = openS3(JSON.parse(Deno.args[0]!));
try {
  console.log(new TextDecoder().decode((await lake.get("day/a"))?.bytes));
} catch (error) {
  if (!(error instanceof Failure)) throw error;
  console.log(error.message);
}
lake.close();
