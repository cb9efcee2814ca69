import { unfollowedRead, variablesReadBy } from "../../../checks/source_code/environment.ts";
import { assertEquals } from "../../support/assert.ts";
import { pythonExitCodes } from "./exit_code.ts";

/** How a program ends without the variable D, as far as the code tells. */
function verdict(text: string): "stops" | "goes on" | "unknown" {
  const code = { language: "python" as const, file: "job.py", line: 1, text };
  const found = variablesReadBy(code).filter(({ name }) => name === "D");
  const reads = found.length > 0
    ? found
    : [unfollowedRead(code, "D")].flatMap((each) => each ?? []);
  if (reads.some(({ optional }) => !optional)) return "stops";
  return reads.some(({ perhaps, unknown }) => perhaps === true || unknown !== undefined)
    ? "unknown"
    : "goes on";
}

Deno.test("what is told of a program without a variable is what Python does", async () => {
  const programs = PROGRAMS.map((each) => `import os, sys\n${each}`);
  const endings = async (env: Record<string, string>) => {
    const codes = await pythonExitCodes(programs.map((code) => ({ code, env })));
    assertEquals(codes.length, programs.length);
    return codes;
  };
  const [withD, without] = [await endings({ D: "2025-01-01" }), await endings({})];
  programs.forEach((program, i) => {
    assertEquals([program, withD[i]], [program, 0]);
    const told = verdict(program);
    const ending = without[i] === 0 ? "goes on" : "stops";
    assertEquals([program, told], [program, told === "unknown" ? told : ending]);
  });
});

Deno.test("a read of a variable is judged, not only noted, where its defaults are written out", () => {
  const program = (defaults: string, conf: string) =>
    `import os\nfrom collections import ChainMap\nDEFAULTS = ${defaults}\nconf = ${conf}\nprint(conf["D"])`;
  for (
    const conf of [
      "{**DEFAULTS, **os.environ}",
      "DEFAULTS | os.environ",
      "ChainMap(os.environ, DEFAULTS)",
    ]
  ) {
    assertEquals([conf, verdict(program('{"D": "x"}', conf))], [conf, "goes on"]);
    assertEquals([conf, verdict(program('{"E": "x"}', conf))], [conf, "stops"]);
    assertEquals([conf, verdict(program("load()", conf))], [conf, "unknown"]);
  }
});

Deno.test("a default of an argument is not judged if the program needs the argument", () => {
  const program = (use: string, more = "") =>
    `import os, argparse\np = argparse.ArgumentParser()\np.add_argument("--day", default=os.environ.get("D")${more})\na = p.parse_args()\n${use}`;
  for (
    const [text, expected] of [
      [program("a.day.upper()"), "unknown"],
      [program("run(a.day)"), "unknown"],
      [program("a.day.upper()", ', required="D" not in os.environ'), "unknown"],
      [program("a.day.upper()", ', required="D" in os.environ'), "unknown"],
      [program("print(a.day)"), "goes on"],
      [program("day = a.day or today()\nday.upper()"), "goes on"],
    ] as const
  ) assertEquals([text, verdict(text)], [text, expected]);
});

Deno.test("a read of a variable by a library is told, unless it has a default", () => {
  for (const [program, isTold] of LIBRARIES) {
    assertEquals([program, verdict(program)], [program, isTold ? "unknown" : "goes on"]);
  }
});

function parsing(args: string, use: string): string {
  return `import argparse\np = argparse.ArgumentParser()\np.add_argument(${args})\n` +
    `a = p.parse_args()\n${use}`;
}

function settings(defaults: string, conf: string, read: string): string {
  return "import collections\nfrom collections import ChainMap\n" +
    `${defaults}\nconf = ${conf}\n${read}`;
}

const LIBRARIES = [
  [
    "import subprocess, sys\nsubprocess.run([sys.executable, '-c', \"import os; os.environ['D']\"])",
    true,
  ],
  ["from pydantic_settings import BaseSettings\nclass S(BaseSettings):\n    d: str\nS()", true],
  [
    'from pydantic_settings import BaseSettings\nclass S(BaseSettings):\n    d: str = "x"\nS()',
    false,
  ],
  ['import click\n@click.option("--date", envvar="D", required=True)\ndef f(date): pass', true],
  ['import click\n@click.option("--date", envvar="D", default="x")\ndef f(date): pass', false],
  ['import typer\ndef f(day: str = typer.Option(..., envvar="D")): pass', true],
  ['import typer\ndef f(day: str = typer.Option("x", envvar="D")): pass', false],
  ['from environs import Env\nenv = Env()\nprint(env("D"))', true],
  ['from environs import Env\nenv = Env()\nprint(env.str("D", "x"))', false],
  ['from decouple import config\nprint(config("D"))', true],
  ['from decouple import config\nprint(config("D", default="x"))', false],
] as const;

const PROGRAMS = [
  ...[
    "a.day.upper()",
    "print(a.day)",
    'print((a.day or "x").upper())',
    'print(f"{a.day.upper()}")',
    'if not a.day:\n    p.error("no day")\nprint(a.day)',
    "day = a.day\nprint(day.upper())",
    "print(vars(a)['day'].upper())",
  ].flatMap((use) =>
    [
      '"--day", default=os.environ.get("D")',
      '"--day", default=os.environ.get("D"), required="D" not in os.environ',
      '"--day", default=os.environ.get("D", "")',
    ].map((args) => parsing(args, use))
  ),
  ...[
    '"--day", default=os.environ.get("D"), required=not os.environ.get("D")',
    '"-d", "--day", "--date", default=os.environ.get("D")',
    '"-d", dest="day", default=os.getenv("D")',
    '"day", nargs="?", default=os.environ.get("D")',
  ].map((args) => parsing(args, "a.day.upper()")),
  ...[
    "{**DEFAULTS, **os.environ}",
    "{\n    **DEFAULTS,\n    **os.environ,\n}",
    "{**os.environ, **DEFAULTS}",
    "DEFAULTS | os.environ",
    "os.environ | DEFAULTS",
    "dict(os.environ) | DEFAULTS",
    "dict(DEFAULTS, **os.environ)",
    "ChainMap(os.environ, DEFAULTS)",
    "collections.ChainMap(\n    os.environ,\n    DEFAULTS,\n)",
  ].flatMap((conf) =>
    ['DEFAULTS = {"D": "x"}', 'DEFAULTS = {"E": "x"}'].map((defaults) =>
      settings(defaults, conf, 'conf["D"].upper()')
    )
  ),
  ...[
    'DEFAULTS = {"D": "x"}',
    'DEFAULTS = {"D": None}',
    'DEFAULTS = {"E": {"D": "x"}}',
    'DEFAULTS = dict(D="x", E="y")',
    'KEY = "D"\nDEFAULTS = {KEY: "x"}',
    'BASE = {"D": "x"}\nDEFAULTS = {"E": "y", **BASE}',
    'DEFAULTS = {"E": "y"}\nDEFAULTS["D"] = "x"',
    'DEFAULTS = {"D": "x"}\nDEFAULTS.pop("D")',
    'DEFAULTS = {key: "x" for key in ["D"]}',
    'def defaults():\n    return {"D": "x"}\nDEFAULTS = defaults()',
  ].flatMap((defaults) =>
    ['conf["D"].upper()', 'conf.get("D").upper()', 'os.environ["D"]'].map((read) =>
      settings(defaults, "{**DEFAULTS, **os.environ}", read)
    )
  ),
  'DEFAULTS = {"D": "x"}\nos.environ.update(DEFAULTS)\nprint(os.environ["D"])',
  'DEFAULTS = {"E": "x"}\nos.environ.update(DEFAULTS)\nprint(os.environ["D"])',
  'def env(name, default=None):\n    return os.environ.get(name) or default\nday = env("D")\nprint(day)',
  'def env(name, default=None):\n    return os.environ.get(name) or default\nday = env("D", "2025-01-01")\nprint(day.upper())',
  'def env(name, default=None):\n    return os.environ.get(name) or default\nday = env("D")\nprint(day.upper())',
  'def env(name, default=None):\n    value = os.environ.get(name, default)\n    if value is None:\n        raise RuntimeError(f"{name} is missing")\n    return value\nprint(env("D"))',
  'def env(name, default=None):\n    value = os.environ.get(name, default)\n    if value is None:\n        raise RuntimeError(f"{name} is missing")\n    return value\nprint(env("D", "x"))',
  'class Env(dict):\n    def __missing__(self, key):\n        return "x"\nenv = Env(os.environ)\nprint(env["D"])',
  'class Env(dict):\n    def __missing__(self, key):\n        raise SystemExit("missing " + key)\nenv = Env(os.environ)\nprint(env["D"])',
  'class Env(dict):\n    pass\nenv = Env(os.environ)\nprint(env["D"])',
  'NEEDED = {"D", "PATH"}\nmissing = NEEDED - set(os.environ)\nif missing:\n    sys.exit(f"missing {missing}")',
  'NEEDED = {"PATH"}\nmissing = NEEDED - set(os.environ)\nif missing:\n    sys.exit(f"missing {missing}")\nprint(os.environ.get("D"))',
  'NEEDED = {"D"}\nmissing = NEEDED - os.environ.keys()\nif missing:\n    raise RuntimeError(missing)',
  'NEEDED = {"D"}\nmissing = NEEDED.difference(os.environ)\nif missing:\n    print("using today")\n    os.environ["D"] = "2025-01-01"\nprint(os.environ["D"])',
  'has = "D" in os.environ\nif not has:\n    sys.exit(3)\nprint("ok")',
  'has = "D" in os.environ\nif not has:\n    print("no D")\nprint("ok")',
  'has = "D" in os.environ\nday = os.environ["D"] if has else "x"\nprint(day)',
  'import argparse\np = argparse.ArgumentParser()\np.add_argument("--date", default=os.environ.get("D"))\na = p.parse_args()\nprint(a.date or "today")',
  'import argparse\np = argparse.ArgumentParser()\np.add_argument("--date", default=os.environ.get("D", "x"))\na = p.parse_args()\nif a.date is None:\n    p.error("no date")\nprint(a.date)',
  'from string import Template\nprint(Template("s3://b/$D").substitute(os.environ))',
  'from string import Template\nprint(Template("s3://b/$D").safe_substitute(os.environ))',
  'from string import Template\nprint(Template("s3://b/${D}/$PATH").substitute(os.environ | {"D": "x"}))',
  'from string import Template\nprint(Template("s3://b/$D").substitute({"D": "x", **os.environ}))',
  'env = os.environ | {"D": "x"}\nprint(env["D"])',
  'env = {"D": "x"} | os.environ\nprint(env["D"])',
  'env = dict(os.environ, D="x")\nprint(env["D"])',
  'env = {**os.environ, "E": "1"}\nprint(env["D"])',
  'from collections import ChainMap\nenv = ChainMap(os.environ, {"D": "x"})\nprint(env["D"])',
  'from collections import ChainMap\nenv = ChainMap(os.environ, {"E": "x"})\nprint(env["D"])',
  'from dataclasses import dataclass, field\n@dataclass\nclass Config:\n    day: str = field(default_factory=lambda: os.environ["D"])\nc = Config()\nprint(c.day)',
  'from dataclasses import dataclass, field\n@dataclass\nclass Config:\n    day: str = field(default_factory=lambda: os.environ.get("D", "x"))\nc = Config()\nprint(c.day.upper())',
  'from dataclasses import dataclass\n@dataclass\nclass Config:\n    day: str = os.environ.get("D")\n    def __post_init__(self):\n        if not self.day:\n            raise ValueError("no day")\nConfig()',
  'from dataclasses import dataclass\n@dataclass\nclass Config:\n    day: str = os.environ.get("D")\n    def __post_init__(self):\n        self.day = self.day or "x"\nprint(Config().day.upper())',
  'class Config:\n    DAY = os.environ["D"]\nprint(Config.DAY)',
  'class Config:\n    def __init__(self):\n        self.day = os.getenv("D")\n    def check(self):\n        assert self.day, "no day"\nConfig().check()',
  'class Config:\n    def __init__(self):\n        self.day = os.getenv("D")\n    @property\n    def date(self):\n        return self.day or "x"\nprint(Config().date)',
  'class Config:\n    @staticmethod\n    def need(k):\n        return os.environ[k]\nprint(Config.need("D"))',
  'class Config:\n    @classmethod\n    def load(cls):\n        return cls(os.environ.get("D"))\n    def __init__(self, d):\n        self.d = d.strip()\nprint(Config.load().d)',
  'from datetime import date, datetime\ntry:\n    day = date.fromisoformat(os.environ["D"])\nexcept KeyError:\n    day = date.today()\nprint(day)',
  'from datetime import date, datetime\ntry:\n    day = date.fromisoformat(os.environ["D"])\nexcept ValueError:\n    day = date.today()\nprint(day)',
  'from datetime import date, datetime\nday = datetime.strptime(os.environ.get("D", "2025-01-01"), "%Y-%m-%d")\nprint(day)',
  'from datetime import date, datetime\nday = datetime.strptime(os.environ.get("D"), "%Y-%m-%d")\nprint(day)',
  'from datetime import date, datetime\nday = date.fromisoformat(os.environ.get("D") or str(date.today()))\nprint(day)',
  'from datetime import date, datetime\ny, m, d = os.environ.get("D", "").split("-")\nprint(y)',
  'from datetime import date, datetime\nraw = os.environ.get("D", "").strip()\nday = raw if raw else "x"\nprint(day)',
  'from datetime import date, datetime\ndef main():\n    day = os.environ.get("D")\n    if not day:\n        print("missing", file=sys.stderr)\n        return 1\n    return 0\nif __name__ == "__main__":\n    sys.exit(main())',
  'from datetime import date, datetime\ndef main():\n    day = os.environ.get("D")\n    if not day:\n        print("nothing to do")\n        return 0\n    return 0\nif __name__ == "__main__":\n    sys.exit(main())',
  'from datetime import date, datetime\ndef main():\n    day = os.environ.get("D")\n    if not day:\n        print("nothing to do")\n        return\n    print(day.upper())\nmain()',
  'import functools\n@functools.lru_cache()\ndef cfg():\n    return os.environ["D"]\nprint(cfg())',
  'def required(f):\n    def inner(name):\n        v = f(name)\n        if v is None:\n            sys.exit(2)\n        return v\n    return inner\n@required\ndef get(name):\n    return os.environ.get(name)\nprint(get("D"))',
  'from contextlib import suppress\nday = "x"\nwith suppress(KeyError):\n    day = os.environ["D"]\nprint(day)',
  'from contextlib import suppress\nday = "x"\nwith suppress(ValueError):\n    day = os.environ["D"]\nprint(day)',
  'for k in ("PATH", "D"):\n    if not os.environ.get(k):\n        sys.exit(k + " is required")\nprint("ok")',
  'for k, v in {"D": "x"}.items():\n    os.environ.setdefault(k, v)\nprint(os.environ["D"])',
  'if not all(k in os.environ for k in ("PATH", "D")):\n    sys.exit(1)\nprint("ok")',
  'if not any(k in os.environ for k in ("PATH", "D")):\n    sys.exit(1)\nprint("ok")',
  'missing = [k for k in ("PATH", "D") if not os.getenv(k)]\nassert not missing, missing',
  'missing = list(filter(lambda k: k not in os.environ, ["D"]))\nif len(missing) > 0:\n    raise EnvironmentError(missing)',
  'DEFAULTS = {"D": "x"}\ndef get(k):\n    return os.environ.get(k, DEFAULTS.get(k))\nprint(get("D").upper())',
  'DEFAULTS = {"E": "x"}\ndef get(k):\n    return os.environ.get(k, DEFAULTS.get(k))\nprint(get("D").upper())',
  'day = (os.environ.get("D") or "").replace("-", "")\nprint(day)',
  'day = os.environ.get("D").replace("-", "")\nprint(day)',
  'day = None\nif os.environ.get("D"):\n    day = os.environ["D"]\nelif len(sys.argv) > 9:\n    day = sys.argv[9]\nelse:\n    day = "x"\nprint(day.upper())',
  'while not os.environ.get("D"):\n    os.environ["D"] = "x"\nprint(os.environ["D"])',
  'try:\n    day = os.environ["D"]\nexcept KeyError as e:\n    raise RuntimeError("no D") from e\nprint(day)',
  'try:\n    day = os.environ["D"]\nfinally:\n    print("end")\nprint(day)',
  'def f():\n    try:\n        return os.environ["D"]\n    except KeyError:\n        return None\nday = f()\nif day is None:\n    sys.exit(0)\nprint(day)',
  'def f():\n    try:\n        return os.environ["D"]\n    except KeyError:\n        return None\nday = f()\nif day is None:\n    sys.exit(4)\nprint(day)',
  'from os import environ\nday = environ.get("D", default=None)\nprint(len(day))',
  'print(" ".join([os.environ.get("D"), "x"]))',
  'print(" ".join(filter(None, [os.environ.get("D"), "x"])))',
  'print(os.path.join("/data", os.environ.get("D")))',
  'os.environ["E"] = os.environ.get("D")\nprint("x")',
  'os.environ["E"] = os.environ.get("D", "")\nprint("x")',
  'day = os.environ.get("D") if "D" in os.environ else None\nmode = "day" if day else "all"\nprint(mode)',
  'import asyncio\nasync def main():\n    day = os.environ["D"]\n    print(day)\nasyncio.run(main())',
  'import asyncio\nasync def main():\n    day = os.environ.get("D", "x")\n    print(day)\nasyncio.run(main())',
  'day, *rest = os.environ["D"].split("-")\nprint(day)',
  'lookup = os.environ.get\nday = lookup("D") or lookup("E") or "x"\nprint(day)',
  'print(os.path.expandvars("$D"))',
  'cfg = {k: os.environ.get(k) for k in ["D", "PATH"]}\nbad = [k for k, v in cfg.items() if v is None]\nif bad:\n    sys.exit(str(bad))',
  'cfg = {k: os.environ.get(k) for k in ["D", "PATH"]}\nprint(cfg["D"] or "x")',
  'def day():\n    global cached\n    cached = os.environ["D"]\n    return cached\nprint(day())',
  'unused = lambda: os.environ["D"]\nprint("x")',
  'def unused():\n    return os.environ["D"]\ndef main():\n    print("x")\nmain()',
  'import subprocess\nsubprocess.run(["true"], env={**os.environ, "D": "x"})\nprint(os.environ.get("D"))',
  'match os.environ.get("D"):\n    case None:\n        day = "x"\n    case value:\n        day = value\nprint(day.upper())',
  'day = next((v for v in (os.environ.get("D"), "x") if v))\nprint(day)',
  'import logging\nlogging.basicConfig()\nday = os.environ.get("D")\nif day is None:\n    logging.error("D is not set")\n    exit(1)\nprint(day)',
  'day = os.environ.get("D")\nif day is None:\n    print("D is not set, using today")\n    from datetime import date\n    day = date.today().isoformat()\nprint(day.upper())',
] as const;
