import type { Code, Language } from "../../../checks/source_code/code.ts";
import { variablesReadBy } from "../../../checks/source_code/environment.ts";
import { assertEquals } from "../../support/assert.ts";

// Each case reads D. It needs a value if an unset D stops the code with an error.

const isRequired = (language: Language, text: string, nounset = false) =>
  variablesReadBy({ language, file: "job", line: 1, text }, { nounset, named: false })
    .some(({ name, optional }) => name === "D" && !optional);

const STRICT = "set -eu\n";

/** Scripts that stop if D is unset. */
const SHELL_STOPS = [
  `${STRICT}echo "$D"`,
  "set -u; echo $D",
  "set -euo pipefail\necho ${D}",
  "set -o nounset\necho $D",
  "set -o errexit -o nounset\necho $D",
  "#!/bin/bash -eu\necho $D",
  "#!/usr/bin/env -S bash -u\necho $D",
  "set +u\nset -u\necho $D",
  `${STRICT}echo "\${#D} \${D%x}"`,
  `${STRICT}echo "\${D:0:4}"`,
  `${STRICT}x=$D\nD=1`,
  `${STRICT}D=1 run "$D"`,
  `${STRICT}D=1\nunset D\necho $D`,
  `${STRICT}A=\${A:-$D}`,
  `${STRICT}if [ -z "$D" ]; then D=1; fi`,
  `${STRICT}echo "it's $D"`,
  `${STRICT}cat <<EOF\n$D\nEOF`,
  `${STRICT}x="$(printf '%s' "$D")"`,
  'echo "${D:?must be set}"',
  ': "${D?}"',
  '[ -z "$D" ] && exit 1',
  '[ -n "${D:-}" ] || exit 2',
  "[[ -v D ]] || { echo no; exit 1; }",
  'if [ -z "${D:-}" ]; then\n  echo "no D" >&2\n  exit 1\nfi\necho $D',
  'if [[ -n "$D" ]]; then\n  echo $D\nelse\n  exit 1\nfi',
  'test -n "$D" || die "no D"',
];

/** Scripts that go on if D is unset. */
const SHELL_GOES_ON = [
  'set -eo pipefail; echo "${D}"',
  "set -e\necho $D",
  "echo $D",
  `${STRICT}set +u\necho $D`,
  "set -o nounset\nset +o nounset\necho $D",
  `${STRICT}echo "\${D:-x} \${D-x} \${D:+x} \${D+x}"`,
  `${STRICT}: "\${D:=$(date -u +%F)}"\necho $D`,
  `${STRICT}: \${D=x} && echo $D`,
  `${STRICT}D="\${D:-$(date -u +%F)}"\necho $D`,
  `${STRICT}export D=x\necho $D`,
  `${STRICT}declare -x D=x\necho $D`,
  `${STRICT}readonly D=x; echo $D`,
  `${STRICT}local D=x; echo $D`,
  `${STRICT}read -r A D\necho $D`,
  `${STRICT}while read -r D; do echo $D; done`,
  `${STRICT}for D in a b; do echo $D; done`,
  `${STRICT}getopts d: D; echo $D`,
  `${STRICT}printf -v D '%s' x\necho $D`,
  `${STRICT}mapfile -t D < f\necho $D`,
  `${STRICT}. /shared/env\necho $D`,
  `${STRICT}source env.sh\necho $D`,
  `${STRICT}export $(cat /shared/env)\necho $D`,
  `${STRICT}eval "$(cat /shared/env)"\necho $D`,
  `${STRICT}if [ -z "\${D:-}" ]; then D=$(date +%F); fi\necho $D`,
  `${STRICT}[ -n "\${D:-}" ] || D=$(date +%F)\necho $D`,
  `${STRICT}[[ -v D ]] || D=x\necho $D`,
  `${STRICT}test -v D || D=x\necho $D`,
  `${STRICT}if [ "\${D+set}" = set ]; then echo $D; fi`,
  `${STRICT}if [[ -n "\${D:-}" ]]; then echo $D; fi`,
  `${STRICT}[ "\${D:-}" = "" ] && exit 0\necho $D`,
  '[ -z "$D" ] && exit 0',
  'if [ -z "$D" ]; then exit 0; fi',
  `${STRICT}run() {\n  echo $D\n}\nD=1\nrun`,
  `${STRICT}echo '$D'`,
  `${STRICT}awk '{\n  print $D\n}' f`,
  `${STRICT}cat <<'EOF'\n$D\nEOF`,
  `${STRICT}cat <<"EOF"\n$D\nEOF\necho`,
  `${STRICT}echo \\$D # $D`,
  `${STRICT}echo "\\$D"`,
];

Deno.test("variablesReadBy finds the scripts that stop without a variable", () => {
  for (const text of SHELL_STOPS) assertEquals([text, isRequired("shell", text)], [text, true]);
});

Deno.test("variablesReadBy finds the scripts that go on without a variable", () => {
  for (const text of SHELL_GOES_ON) assertEquals([text, isRequired("shell", text)], [text, false]);
});

Deno.test("variablesReadBy knows the options that a shell was started with", () => {
  assertEquals(isRequired("shell", "echo $D", true), true);
  assertEquals(isRequired("shell", "set +u; echo $D", true), false);
  const named = { nounset: false, named: true };
  const code = { language: "shell", file: "job", line: 1, text: "#!/bin/sh -u\necho $D" } as const;
  assertEquals(variablesReadBy(code, named).map(({ optional }) => optional), [true]);
});

const OS = "import os\n";

/** Python that stops if D is unset, or passes None on. */
const PYTHON_STOPS = [
  `${OS}d = os.environ["D"]`,
  `${OS}d = os.environ.pop("D")`,
  `${OS}d = len(os.environ.get("D"))`,
  `${OS}d = os.environ.get("D", None)\nprint(d.strip())`,
  `${OS}env = os.environ\nd = env["D"]`,
  "from os import environ as e\nd = e['D']",
  "from os import getenv as g\nd = int(g('D'))",
  `${OS}d = os.environ.get("D")\nif not d:\n    raise ValueError`,
  `${OS}d = os.environ.get("D")\nif d is None:\n    print("no D")\n    sys.exit(1)`,
  `${OS}d = os.environ.get("D")\nif d:\n    run(d)\nelse:\n    sys.exit("no D")`,
  `${OS}if not os.environ.get("D"):\n    raise SystemExit("no D")`,
  `${OS}if "D" not in os.environ:\n    sys.exit(2)\nd = os.environ["D"]`,
  `${OS}if "D" not in os.environ:\n    print("no D")\nd = os.environ["D"]`,
  `${OS}if "D" in os.environ:\n    print("D is set")\nd = os.environ["D"]`,
  `${OS}if not os.environ.get("D"):\n    log("no D")\nd = os.environ["D"]`,
  `${OS}print("D" in os.environ)\nd = os.environ["D"]`,
  `${OS}d = os.environ["D"]\nif "D" not in os.environ:\n    d = today()`,
  `${OS}try:\n    d = os.environ["D"]\nexcept KeyError:\n    raise SystemExit("no D")`,
  `${OS}try:\n    d = os.environ["D"]\nexcept ValueError:\n    d = None`,
  `${OS}p.add_argument("--date", default=os.environ["D"])`,
  `${OS}d = os.environ["D"]\nos.environ["D"] = "x"`,
  `${OS}KEY = "D"\nd = os.environ[KEY]`,
  `${OS}KEY: str = "D"\ndef f():\n    return os.environ[KEY]\nf()`,
  `${OS}KEY = "D"\nd = float(os.getenv(KEY))`,
  `${OS}KEY = "D"\nN = (KEY, "E")\nd = [os.environ[KEY] for a in N]`,
  `${OS}KEY = "D"\nif KEY not in os.environ:\n    sys.exit(2)\nd = os.environ[KEY]`,
  `${OS}d = os.environ.__getitem__("D")`,
  `${OS}u = "day={D}".format(**os.environ)`,
  `${OS}u = "day={D:>10}/{{x}}".format(a=1, **os.environ)`,
  `${OS}u = "day={D}".format_map(os.environ)`,
  `${OS}u = "day=%(D)s" % os.environ`,
  `${OS}N = ["D"]\nmissing = [k for k in N if k not in os.environ]\nif missing:\n    log(missing)\nd = os.environ["D"]`,
  'import os, sys\nd = os.environ.get("D", "")\nif not d:\n    sys.exit("no D")',
  'import os, sys\nd = os.environ.get("D", "")\nif not d:\n    raise SystemExit(2)',
  'import os, sys\nd = os.getenv("D", "")\nif d == "":\n    raise ValueError("no D")',
  'import os, sys\nenv = {**os.environ}\nd = env["D"]',
  'import os, sys\nenv = os.environ | {"X": "1"}\nd = env["D"]',
  'import os, sys\nif not (d := os.environ.get("D")):\n    sys.exit(1)\nrun(d)',
  'import os, sys\ndef need(name):\n    v = os.environ.get(name)\n    if v is None:\n        raise SystemExit(name)\n    return v\nd = need("D")',
  'import os, sys\ndef need(name):\n    return os.environ[name]\nd = need("D")',
  'import os, sys\nassert "D" in os.environ, "no D"',
  'import os, sys\nfrom datetime import date\nd = date.fromisoformat(os.environ.get("D", ""))',
  'import os, sys\nd = os.environ.get("D") or sys.exit("no D")',
  'import os, sys\nd = os.environ.get("D") or exit(1)',
  'import os, sys\nd = os.environ.get("D") or (_ for _ in ()).throw(KeyError("D"))',
  'import os, sys\nd = os.environ.get("D") or None\nif d is None:\n    sys.exit(3)',
  'import os, sys\nos.putenv("D", "x")\nd = os.environ["D"]',
  'import os, sys\nget = os.environ.get\nd = get("D")\nd.upper()',
  'import os, sys\nif os.environ.get("D", "") == "":\n    sys.exit(1)',
  'import os, sys\nif not os.environ.get("D", "").strip():\n    sys.exit(1)',
  'import os, sys\nif os.environ.get("D") in (None, ""):\n    raise SystemExit("no D")',
  'import os, sys\nmatch os.environ.get("D"):\n    case None | "":\n        sys.exit(1)\n    case d:\n        run(d)',
  'import os, sys\nd = {k: os.environ[k] for k in ("D",)}',
  `${OS}if not "D" in os.environ:\n    sys.exit("no D")`,
  `${OS}if "D" in os.environ:\n    pass\nelse:\n    sys.exit("no D")`,
  `${OS}"D" in os.environ or sys.exit("no D")`,
];

/** Python that goes on if D is unset. */
const PYTHON_GOES_ON = [
  `${OS}d = os.environ.get("D", "x")`,
  `${OS}d = os.environ.get("D", default="x")`,
  `${OS}env = os.environ\nd = env.get("D", "x")`,
  `${OS}env = dict(os.environ)\nd = env.get("D") or "x"`,
  `${OS}d = os.environ.get("D") or today()`,
  `${OS}d = str(os.environ.get("D") or today())`,
  `${OS}d = os.getenv("D", today())`,
  `${OS}os.environ.setdefault("D", today())\nd = os.environ["D"]`,
  `${OS}os.environ["D"] = today()\nd = os.environ["D"]`,
  `${OS}os.environ.update({"D": "x"})\nd = os.environ["D"]`,
  `${OS}os.environ.update(D="x")\nd = os.environ["D"]`,
  `${OS}if "D" in os.environ:\n    d = os.environ["D"]\nelse:\n    d = today()`,
  `${OS}if "D" not in os.environ:\n    os.environ["D"] = today()\nd = os.environ["D"]`,
  `${OS}def f():\n    if "D" not in os.environ:\n        return today()\n    return os.environ["D"]`,
  `${OS}if "D" not in os.environ:\n    print("no D")\nelse:\n    d = os.environ["D"]`,
  `${OS}if "D" in os.environ:\n    run()\n\ndef run():\n    return os.environ["D"]`,
  `${OS}if "D" in os.environ and os.environ["D"] == "x":\n    run()`,
  `${OS}d = os.environ["D"] if "D" in os.environ else today()`,
  `${OS}try:\n    d = os.environ["D"]\nexcept KeyError:\n    d = today()`,
  `${OS}try:\n    d = parse(os.environ["D"])\nexcept (KeyError, ValueError):\n    d = today()`,
  `${OS}try:\n    d = os.environ["D"]\nexcept:\n    d = today()`,
  `${OS}with suppress(KeyError):\n    d = os.environ["D"]`,
  `${OS}d = os.environ.get("D")\nif d is None:\n    d = today()\nif bad(d):\n    raise ValueError`,
  `${OS}d = os.environ.get("D")\nif not d:\n    d = today()`,
  `${OS}d = os.environ.get("D")\nif d:\n    run(d)\nelse:\n    run(today())`,
  `${OS}d = os.environ.get("D")\nday = d if d else today()`,
  `${OS}d = os.environ.get("D")\nday = parse(d) if d is not None else today()`,
  `${OS}d = args.date or os.environ.get("D")\nd = d or today()`,
  `${OS}if (d := os.environ.get("D")):\n    run(d)`,
  `${OS}if os.environ.get("D"):\n    run()`,
  `${OS}if os.environ.get("D") is None:\n    run()`,
  `${OS}if os.environ.get("D") == "x":\n    run()`,
  `${OS}debug = bool(os.environ.get("D"))`,
  `${OS}print("D is", os.environ.get("D"))`,
  `${OS}p.add_argument("--date", default=os.environ.get("D"))`,
  `${OS}p.add_argument("--date", required=not os.environ.get("D"))`,
  `${OS}load_dotenv()\nd = os.environ["D"]`,
  `${OS}D = os.environ.get("D")`,
  `${OS}D: str | None = os.environ.get("D")  # D is for later`,
  `${OS}KEY = "D"\nd = os.environ.get(KEY, "x")`,
  `${OS}KEY = "D"\nif KEY in os.environ:\n    d = os.environ[KEY]`,
  `${OS}KEY = "D"\nos.environ[KEY] = "x"\nd = os.environ[KEY]`,
  `${OS}KEY = "D"\nKEY = other()\nd = os.environ[KEY]`,
  `${OS}KEY = "D"\ndef f(KEY):\n    return os.environ[KEY]`,
  `${OS}KEY = "D"\nfor KEY in a:\n    d = os.environ[KEY]`,
  `${OS}KEY = "D"\nKEY, b = other()\nd = os.environ[KEY]`,
  `${OS}KEY = "D"\nfor a, KEY in b:\n    d = os.environ[KEY]`,
  `${OS}KEY = "D"\nall = [os.environ[KEY] for KEY in b]`,
  `${OS}try:\n    d = os.environ.__getitem__("D")\nexcept KeyError:\n    d = today()`,
  `${OS}u = "day={{D}}".format(**os.environ)`,
  `${OS}u = "day={D}".format(**settings)`,
  `${OS}N = ["D"]\nmissing = [k for k in N if k not in os.environ]\nif missing:\n    log(missing)`,
  `${OS}missing = [k for k in ("D", "E") if k not in os.environ]\nif missing:\n    log(missing)\nd = os.environ.get("D", "x")`,
  'import os, sys\ndef main():\n    d = os.environ["D"]\n    run(d)\ntry:\n    main()\nexcept KeyError:\n    run(today())',
  'import os, sys\nfrom datetime import date\ntry:\n    d = date.fromisoformat(os.environ.get("D"))\nexcept (TypeError, ValueError):\n    d = date.today()',
  'import os, sys\nd = str(os.environ.get("D"))',
  "import os, sys\nd = f\"{os.environ.get('D')}/x\"",
  'import os, sys\nd = "%s/x" % os.environ.get("D")',
  'import os, sys\nd = "{}/x".format(os.environ.get("D"))',
  'import os, sys\nos.environ |= {"D": today()}\nd = os.environ["D"]',
  'import os, sys\nos.environ.update(dict(D=today()))\nd = os.environ["D"]',
  'import os, sys\nimport json\nprint(json.dumps({"d": os.environ.get("D")}))',
  'import os, sys\ncfg = {"d": os.environ.get("D")}\nprint(cfg)',
  'import os, sys\ncfg = {"d": os.environ.get("D")}\nd = cfg["d"] or today()',
  'import os, sys\nd = e = os.environ.get("D")\nif not d:\n    d = today()',
  'import os, sys\ndef parse(x):\n    if not x: return None\n    return x.split("-")\nparse(os.environ.get("D"))',
  'import os, sys\ndef parse(x=None):\n    x = x or today()\n    return x.split("-")\nparse(os.environ.get("D"))',
  'import os, sys\ndef parse(x): return (x or today()).split("-")\nparse(os.environ.get("D"))',
  `${OS}t = tls_of(os.environ.get("D") or None)`,
  `${OS}self.d = os.environ.get("D")\nif not self.d:\n    self.d = today()`,
  `${OS}N = {"D": "x"}\nfor k, v in N.items():\n    os.environ.setdefault(k, v)\nd = os.environ["D"]`,
  `${OS}for k, v in {"D": "x"}.items():\n    if k not in os.environ:\n        os.environ[k] = v\nd = os.environ["D"]`,
  `${OS}d = os.environ.get("E") or os.environ["D"]`,
];

Deno.test("variablesReadBy finds the Python that needs a variable", () => {
  for (const text of PYTHON_STOPS) assertEquals([text, isRequired("python", text)], [text, true]);
});

Deno.test("variablesReadBy finds the Python that goes on without a variable", () => {
  for (const text of PYTHON_GOES_ON) {
    assertEquals([text, isRequired("python", text)], [text, false]);
  }
});

Deno.test("variablesReadBy takes a name that another file uses for a used name", () => {
  const settings: Code = {
    language: "python",
    file: "settings.py",
    line: 1,
    text: `${OS}D = os.environ.get("D")\n`,
  };
  const cases = [
    ["import settings\nprint(settings.D.upper())\n", true],
    ["from settings import D\n", true],
    ["from settings import *\nprint(D)\n", true],
    ["import settings\nprint(settings.DB)\n", false],
  ] as const;
  for (const [text, isUnknown] of cases) {
    const job: Code = { language: "python", file: "job.py", line: 1, text };
    const reads = variablesReadBy(settings, undefined, [job, settings]);
    assertEquals([text, reads.map(({ unknown }) => unknown !== undefined)], [text, [isUnknown]]);
  }
});

Deno.test("variablesReadBy only warns about None in a text", () => {
  for (
    const text of [
      `${OS}path = f"{os.environ.get('D')}/x"`,
      `${OS}path = "%s/x" % os.environ.get("D")`,
      `${OS}settings = {"d": os.environ.get("D")}`,
    ]
  ) {
    const reads = variablesReadBy({ language: "python", file: "job", line: 1, text });
    assertEquals([text, reads.map(({ optional, perhaps }) => [optional, perhaps])], [
      text,
      [[true, true]],
    ]);
  }
});

Deno.test("variablesReadBy only warns about Python that reads on some paths", () => {
  const cases: readonly (readonly [string, "stops" | "perhaps" | "goes on"])[] = [
    [`if os.getenv("E"):\n    d = os.environ["D"]\nelse:\n    d = None`, "perhaps"],
    [`if a:\n    pass\nelse:\n    d = os.environ["D"]`, "perhaps"],
    [`if a:\n    pass\nelif os.environ["D"]:\n    pass`, "perhaps"],
    [`if a:\n    for b in c:\n        d = os.environ["D"]`, "perhaps"],
    [`d = os.environ["D"] if a else None`, "perhaps"],
    [`d = None if a else os.environ["D"]`, "perhaps"],
    [`for n in missing:\n    os.environ[n] = "x"\nd = os.environ["D"]`, "perhaps"],
    [`os.environ.update(load())\nd = os.environ["D"]`, "perhaps"],
    [`d = os.environ["D"]\nos.environ.update(load())`, "stops"],
    [`os.environ.update(E="x")\nd = os.environ["D"]`, "stops"],
    [`if __name__ == "__main__":\n    d = os.environ["D"]`, "stops"],
    [`if a:\n    pass\nd = os.environ["D"]`, "stops"],
    [`for a in b:\n    pass\nelse:\n    d = os.environ["D"]`, "stops"],
    [`d = 1 if os.environ["D"] else 2`, "stops"],
    [`run(os.environ["D"], 1 if a else 2)`, "stops"],
    [`if a:\n    d = os.environ.get("D", "x")`, "goes on"],
  ];
  for (const [text, expected] of cases) {
    const code = { language: "python" as const, file: "job.py", line: 1, text: `${OS}${text}` };
    const reads = variablesReadBy(code).filter(({ name }) => name === "D");
    const found = reads.some(({ optional }) => !optional)
      ? "stops"
      : reads.some(({ perhaps }) => perhaps)
      ? "perhaps"
      : "goes on";
    assertEquals([text, found], [text, expected]);
  }
});

Deno.test("variablesReadBy: a function gets the value, and each use of its result has a default", () => {
  const settled = (text: string) =>
    variablesReadBy({ language: "python", file: "job", line: 1, text: `import os\n${text}\n` })
      .filter(({ name }) => name === "D")
      .map(({ optional, perhaps, unknown }) => optional && !perhaps && unknown === undefined);
  const get = 'os.environ.get("D")';
  for (
    const text of [
      `d = checked("D", ${get}, RULE)\nx = int(d or "5432")`,
      `d = checked(${get})\nrun(d=d or 1)`,
      `def f():\n    d = checked(${get})\n    return d or 1\nf()`,
      `x = checked("D", ${get}) or 1`,
    ]
  ) assertEquals([text, settled(text)], [text, [true]]);
  for (
    const text of [
      `d = checked("D", ${get}, RULE)\nx = int(d or "5432")\nrun(d)`,
      `d = checked("D", ${get}, RULE)\nrun(d)`,
      `d = int(${get})\nx = d or 1`,
      `run(checked(${get}))`,
    ]
  ) assertEquals([text, settled(text)], [text, [false]]);
});
