import { assertEquals, assertStringIncludes } from "../support/assert.ts";

Deno.test("lint.sh: prints how to install the missing tools", async () => {
  const cache = await Deno.makeTempDir();
  try {
    const { code, stderr } = await new Deno.Command("bash", {
      args: [new URL("lint.sh", import.meta.url).pathname],
      env: { PATH: "/usr/bin:/bin", HOME: cache, DEEP_STORAGE_CACHE: cache },
      clearEnv: true,
    }).output();
    assertEquals(code, 1);
    const text = new TextDecoder().decode(stderr);
    assertStringIncludes(text, "tests/spark/lint.sh --install, or pip install -r");
  } finally {
    await Deno.remove(cache, { recursive: true });
  }
});
