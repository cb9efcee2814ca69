import { shellReads } from "../../../checks/source_code/shell_reads.ts";
import { assert, assertEquals } from "../../support/assert.ts";

const ALONE = { nounset: false, named: false, isAlone: true };

/** Returns how the reads of a script end without the variable D. */
function verdict(script: string, start = ALONE): "stops" | "perhaps" | "goes on" {
  const reads = shellReads(script, start).filter(({ name }) => name === "D");
  if (reads.some(({ optional }) => !optional)) return "stops";
  return reads.some(({ perhaps }) => perhaps) ? "perhaps" : "goes on";
}

/** Runs a script with the real shell, and returns its exit code. */
async function run(script: string, env: Record<string, string>): Promise<number> {
  const command = new Deno.Command("bash", {
    args: ["-c", script],
    clearEnv: true,
    env: { PATH: Deno.env.get("PATH")!, HOME: "/", ...env },
    stdin: "null",
    stdout: "null",
    stderr: "null",
  });
  return (await command.output()).code;
}

Deno.test("shellReads agrees with bash about which scripts stop without a variable", async () => {
  for (const script of SCRIPTS) {
    const [without, set] = [await run(script, {}), await run(script, { D: "2025-01-01" })];
    assertEquals([script, set], [script, 0]);
    const expected = without === 0 ? "goes on" : "stops";
    const found = verdict(script);
    assertEquals([script, found === "perhaps" ? "goes on" : found], [script, expected]);
  }
});

Deno.test("shellReads tells what depends on a command, a file or the arguments", () => {
  for (
    const script of [
      'set -eu\nif [ -f a ]; then echo "$D"; fi',
      'set -eu\nmkdir a || echo "$D"',
      'set -eu\ngrep -q a b && echo "$D"',
      "set -u\nx=$(echo $D)\ntrue",
      "set -u\necho $D | cat",
      'set -u\nwhile read -r line; do echo "$D"; done',
      'if [ "${STRICT:-1}" = 1 ]; then set -u; fi\necho $D',
      'set -u\njob() { echo "$D"; }\n"$RUN"',
      'set -u\nA="${A:-}"\n[ -n "$A" ] || echo "$D"',
    ]
  ) assertEquals([script, verdict(script)], [script, "perhaps"]);
  const argument = 'set -eu\nif [ $# -gt 0 ]; then D=$1; fi\necho "$D"';
  assertEquals(verdict(argument), "stops");
  assertEquals(verdict(argument, { ...ALONE, isAlone: false }), "perhaps");
});

Deno.test("shellReads follows long loops, deep calls and functions that call themselves", () => {
  const items = "a ".repeat(30);
  const chain = (length: number) =>
    Array.from({ length }, (_, i) => `f${i}() { f${i + 1}; }\n`).join("");
  for (
    const [script, expected] of [
      [`set -eu\nfor v in ${items}D; do : "\${!v:?}"; done`, "stops"],
      [`set -eu\n${chain(40)}f40() { echo "$D"; }\nf0`, "stops"],
      ["set -u\ni=0\nwhile [ $i -lt 9 ]; do i=$((i+1)); [ $i = 7 ] && echo $D; done", "stops"],
      ['set -u\nwhile read -r l; do [ -z "${x:-}" ] || echo $D; x=1; done', "perhaps"],
      ["set -u\ni=0\nwhile [ $i -lt 900 ]; do i=$((i+1)); done\necho $D", "stops"],
      ["set -u\nf() { local x=1; }\nwhile read -r l; do f; done\necho ${D:-}", "goes on"],
      ["set -eu\nf() { g | cat; }\ng() { f; }\nf\necho $D", "stops"],
      ["set -eu\nf() { f | f; }\nf\necho ${D:-}", "goes on"],
      ['set -u\nretry() { "$@" || retry "$@"; }\nretry x\necho ${D:-}', "goes on"],
      ['set -u\nf() { f "x$1" | f "y$1"; }\nf a\necho ${D:-}', "perhaps"],
      ['set -u\nwalk() { for d in "$1"/*; do walk "$d/x"; done; }\nwalk a\necho ${D:-}', "goes on"],
      ["set -u\nfor i in $LIST; do D=1; done\necho $D", "perhaps"],
      [`set -u\n${chain(400)}f400() { :; }\nf0\necho \${D:-}`, "perhaps"],
      [`set -u\neval '${"( ".repeat(500)}echo $D${" )".repeat(500)}'`, "perhaps"],
    ] as const
  ) assertEquals([script, verdict(script)], [script, expected]);
});

Deno.test("shellReads asks whether the environment has the other variables", () => {
  const script = 'set -u\nday="${DAY:-$D}"';
  assertEquals(verdict(script), "stops");
  assertEquals(shellReads(script, { ...ALONE, has: (name) => name === "DAY" }), []);
});

Deno.test("shellReads takes any text, and long and deeply nested scripts", () => {
  for (
    const text of [
      "'unclosed",
      '"unclosed $(',
      "cat <<E\nno end",
      "$(".repeat(100_000),
      "$((".repeat(50_000),
      "${".repeat(50_000),
      "'".repeat(100_001),
      "<<A ".repeat(5_000) + "\n",
      '"`'.repeat(10_000),
      "if ".repeat(10_000),
      "[[ " + "! ".repeat(10_000) + "$D",
      "[[ " + "( ".repeat(10_000) + "$D",
      "case $D in " + "a) ;; ".repeat(5_000),
      "\\",
    ]
  ) assert(shellReads(text).every(({ optional }) => optional));
  // A script that takes too many steps is not judged.
  const loops = "for i in 1 2 3 4 5 6 7 8 9; do ".repeat(9);
  assertEquals(verdict(`set -u; ${loops} echo $D ${"; done".repeat(9)}`), "stops");
  assertEquals(verdict(`set -u; ${loops} echo ${"; done".repeat(9)}; echo $D`), "perhaps");
});

/** Scripts that read D. Each ends without an error if D is set. */
const SCRIPTS = [
  'set -o nounset\necho "$D"',
  'set -eo pipefail -u\necho "$D"',
  "set -o pipefail -o nounset\necho $D",
  "set -eu\n(set +u; true)\necho $D",
  'set -eu\nif [ -z "${D+x}" ]; then echo unset >&2; fi\necho $D',
  "set -eu\nif ! [[ -v D ]]; then exit 3; fi\necho $D",
  "set -eu\nif [ $# -gt 0 ]; then D=$1; fi\necho $D",
  "set -eu\ncase \"$D\" in\n  '') D=x ;;\nesac",
  "set -eu\necho $((D + 1))",
  "set -eu\nlet x=D+1 || true",
  "set -eu\necho ${D@Q}",
  "set -eu\necho ${D,,}",
  "set -eu\necho ${D/-/}",
  "set -eu\necho ${D[0]}",
  "set -eu\nX=1\necho ${X:+$D}",
  "set -eu\nrun() { D=2; }\necho $D",
  "set -eu\nbash -uc 'echo $D'",
  "set -eu\ncat <<END_OF\nD is $D\nEND_OF",
  "set -eu\necho \"'$D'\"",
  'set -eu\necho $"$D"',
  'set -eu\necho "\\\\$D"',
  "set -eu\necho ${#} $# $D",
  "set -eu\ndeclare D\necho $D",
  "set -eu\nD=$D:x\necho $D",
  "set -eu\necho D=1\necho $D",
  "set -eu\nset -- $D",
  "set -eu\necho ${D:?no date}",
  "echo ${D?}",
  'set -eu\n[ "${D:-}" ] || exit 1\necho $D',
  'set -eu\n[ ! -z "${D:-}" ] || exit 1\necho $D',
  'set -eu\n[ "${D:-unset}" = unset ] && exit 4\necho $D',
  'set -eu\nX=0\nif [ "$X" = 1 ]; then D=1; fi\necho $D',
  "set -eu\nfalse && D=1\necho $D",
  "set -eu\nD=1 true\necho $D",
  "set -eu\n(D=1)\necho $D",
  'set -eu\nfor v in D; do : "${!v:?missing}"; done',
  "set -eu\nreturn 0 2>/dev/null || true\necho $D",
  'set -eu\ntrap "echo $D" EXIT\ntrue',
  "set -eu\necho $D || true",
  "set -eu\nx=$(printenv D)\necho $x",
  "set -eu\npython3 -c \"print('$D')\"",
  'set -eu\nsed "s/x/$D/" </dev/null',
  "set -eu\n[[ -z ${D:-} ]] && { echo no; exit 1; }\necho $D",
  'set -eu\nlog() { echo "$*" >&2; }\n[ -n "${D:-}" ] || log \'no D\'\necho $D',
  'set -eu\nrequire() { [ -n "${!1:-}" ] || { echo no $1; exit 1; }; }\nrequire D\necho $D',
  "set -eu\necho ${D:-$(echo '}')} $D",
  "set -eu\nwhile [ $# -gt 0 ]; do case $1 in --date) D=$2; shift 2 ;; esac; done\necho $D",
  "set -eu\nif [ \"$D\" == '' ]; then\n  export D=$(date)\nfi\necho $D",
  'if [ ! "$D" ]; then\n  exit 1\nfi\necho $D',
  '[ "$D" ] || exit 1',
  'if test -z "$D"\nthen\n  echo no\n  exit 1\nfi',
  "if [ -z \"$D\" ] ; then echo 'no'; exit 1 ; fi",
  "set -e\nif [ -z \"$D\" ]; then echo 'no'; false; fi",
  'set -e\ntest -n "$D"\necho $D',
  '[ -n "$D" ] && echo yes || { echo no; exit 1; }',
  "case $D in '') echo no; exit 1;; esac",
  'case "$D" in\n  "")\n    echo no >&2\n    exit 2\n    ;;\n  *)\n    echo ok\n    ;;\nesac',
  'set -euo pipefail\n\nusage() {\n  cat <<USAGE\nusage: run.sh [date]\n  D: the day, now ${D:-unset}\nUSAGE\n  exit 2\n}\ncase "${1:-}" in\n  -h|--help) usage ;;\nesac\necho "$D"',
  'set -euo pipefail\n\nrequired=(D HOME)\nfor v in "${required[@]}"; do\n  [[ -n "${!v:-}" ]] || { echo "need $v" >&2; exit 1; }\ndone',
  'set -euo pipefail\n\nDAY=${1:-${D:-}}\n[ -n "$DAY" ] || { echo "no day"; exit 2; }\necho $DAY',
  'set -euo pipefail\n\nfunction get_day() {\n  if [ -z "${D:-}" ]; then\n    echo "no day" >&2\n    return 1\n  fi\n  echo "$D"\n}\nday=$(get_day)\necho $day',
  'set -euo pipefail\n\nargs=(--date "$D")\necho "${args[@]}"',
  "set -euo pipefail\n\nyear=${D%%-*}\necho $year",
  'set -euo pipefail\n\nwhile getopts ":d:h" opt; do\n  case "$opt" in\n    d) D="$OPTARG" ;;\n    h) echo help; exit 0 ;;\n    *) exit 2 ;;\n  esac\ndone\nif [ -z "${D:-}" ]; then\n  echo "-d is needed" >&2\n  exit 2\nfi\necho $D',
  'set -euo pipefail\n\nexport FOO="${D:?JOB_DATE is needed}"',
  'echo "${D:?}" || echo no',
  'set -euo pipefail\n\nmain() {\n  work\n}\nwork() { echo "$D"; }\nmain "$@"',
  'set -euo pipefail\n\nretry() { local n=0; until "$@"; do n=$((n+1)); [ $n -lt 3 ] || return 1; done; }\nretry echo "$D"',
  "set -euo pipefail\n\nbash -euc 'echo \"$D\"'",
  "set -euo pipefail\n\n((${#D} > 0)) || D=x\necho $D",
  "set -euo pipefail\n\ncase ${D-} in\n  ????-??-??) ;;\n  *) echo bad; exit 2 ;;\nesac\necho $D",
  "set -euo pipefail\n\nf() { local D=x; }\nf\necho $D",
  "#!/bin/bash\nset -e\nset -u\necho ${D}",
  "set -o posix -u\necho $D",
  "set -ueo pipefail\necho $D | cat\necho hi",
  "set -u\nfor i in 1 2; do echo $D; done",
  "set -u\nfor i in {1..2}; do echo $D; done",
  "set -u\nuntil false; do echo $D; break; done",
  'set -u\necho "a \\"$D\\" b"',
  'set -eu\nx=$(cat <<EOF\n{"day": "$D"}\nEOF\n)\necho "$x"',
  "set -u\ntest $D",
  "[ -z $D ] && exit 3\necho ok",
  "[[ $D ]] && echo run",
  'echo x && test "$D" || exit 5',
  'set -e\ndie() { echo "$@"; return 3; }\n[[ -n "$D" ]] || die "no"\ntrue',
  'check() { if [ -z "$2" ]; then echo "$1 missing"; exit 4; fi; }\ncheck D "$D"',
  'missing=0\n[ -n "$D" ] || missing=1\nif [ $missing -ne 0 ]; then exit 4; fi',
  'missing=\nfor v in D; do [ -n "${!v}" ] || missing="$missing $v"; done\nif [ -n "$missing" ]; then exit 4; fi',
  "set -o errexit\nset -o pipefail\necho $D",
  "set -eu\nset +eu\necho $D",
  "set -eu\n(set +u; echo $D)",
  "set -eu\nif [[ ! -v D ]]; then D=$(date +%F); fi\necho $D",
  "set -eu\n[[ -v D ]] && echo $D || echo default",
  'set -eu\ntest -z "${D-}" && D=today\necho $D',
  "set -eu\nif [ $# -gt 0 ]; then\n  D=$1\nelse\n  D=x\nfi\necho $D",
  'set -eu\ncase "${1:-}" in\n  a) D=1 ;;\n  *) D=2 ;;\nesac\necho $D',
  "set -eu\nn=D\necho ${!n:-}",
  'set -eu\necho "${D[@]:-}"',
  "set -eu\nX=1\necho ${X:-$D}",
  'set -eu\nrun() { local D="$1"; echo $D; }\nrun a',
  "set -eu\nrun() { echo $D; }",
  "set -eu\nrun() { D=2; }\nrun\necho $D",
  "set -eu\nmain() {\n  D=${D:-x}\n  sub\n}\nsub() {\n  echo $D\n}\nmain",
  "set -eu\nenv D=1 bash -c 'echo $D'",
  "set -eu\nbash -c 'echo $D'",
  "set -eu\ncat <<EOF\nD is ${D:-x}\nEOF",
  "set -eu\ncat <<\\EOF\nD is $D\nEOF",
  "set -eu\ncat <<E1 <<'E2'\na\nE1\n$D\nE2",
  "set -eu\necho '\"$D\"'",
  "set -eu\necho \\$D",
  'set -eu\necho "$$ D"',
  'set -eu\n: # "$D"\necho',
  "set -eu\ndeclare D=''\necho $D",
  "set -eu\nD=\necho $D",
  "set -eu\nD+=x\necho $D",
  "set -eu\nread -r D || true\necho $D",
  "set -eu\nIFS=- read -r D M <<< a-b\necho $D",
  "set -eu\nfor D in 1 2; do :; done\necho $D",
  "set -eu\nfor ((D=0; D<2; D++)); do echo $D; done",
  "X=${D:=x}\necho $D",
  "set -eu\necho ${D=x}; echo $D",
  'set -eu\n[ "x${D:-}" = "x" ] && D=1\necho $D',
  'set -eu\nX=1\nif [ -n "$X" ]; then D=1; fi\necho $D',
  "set -eu\nD=1; true\necho $D",
  "set -eu\n{ D=1; }\necho $D",
  "set -eu\nif false; then echo $D; fi",
  'set -eu\nwhile [ -z "${D:-}" ]; do D=1; done\necho $D',
  'set -eu\nuntil [ -n "${D:-}" ]; do D=1; done\necho $D',
  "set -eu\nset -a; . /dev/null; set +a\necho ${D:-}",
  "set -eu\nexit 0\necho $D",
  "set -eu\nexec true\necho $D",
  'set -eu\n[ "${1:-}" = --help ] && { echo $D; exit 0; }\ntrue',
  "set -eu\nunset D\necho ${D:-}",
  'set -eu\necho "$(echo "$D")" ',
  "set -eu\necho `echo $D`",
  "set -eu\nx=$(echo $D) || x=1\necho $x",
  'set -eu\nx="$(printenv D || true)"\necho $x',
  "set -eu\nx=$(printenv D || date +%F)\necho $x",
  "set -eu\npython3 -c 'print(\"$D\")'",
  "set -eu\nsed 's/x$D/y/' </dev/null",
  "set -eu\n[[ ${D:-} == 2* ]] || D=x\necho $D",
  "set -eu\n[[ -z ${D:-} ]] && D=x\necho $D",
  "set -eu\n[[ -n ${D-} ]] || { D=x; }\necho $D",
  "set -eu\n[[ -z ${D:-} ]] && { echo no; return 1; } || true\necho hi",
  "set -eu\nD=$(date +%F)\\\n  run=1\necho $D",
  "set -eu\nX=1 \\\nD=2\necho $D",
  "set -eu\nreadonly D=${D:-x}\necho $D",
  "set -eu\necho ${D:-\"$(date '+%Y')\"}",
  'set -eu\necho "${D:-$(date "+%F")}"\necho 1',
  "set -eu\nD=''\nwhile [ $# -gt 0 ]; do case $1 in --date) D=$2; shift 2 ;; esac; done\necho $D",
  'set -eu\n[[ "${D:-x}" == x ]] && D=$(date)\necho $D',
  "set -eu\nif [ \"${D:-}\" == '' ]; then\n  export D=$(date)\nfi\necho $D",
  '[ "$D" ] || echo no',
  '[ -n "$D" ]\necho $D',
  '[ -z "$D" ] && echo no; exit 0',
  "case $D in 20*) echo ok;; *) D=x;; esac",
  'if [ -z "$X" ]; then exit 0; fi\nif [ -z "$D" ]; then exit 1; fi',
  'if [ -z "$D" ]; then D=1; elif [ $D = 2 ]; then exit 1; fi',
  'X=1\nif [ -z "$D" ]; then\n  if [ -z "$X" ]; then exit 1; fi\n  D=1\nfi',
  'set -euo pipefail\nreadonly DAY="${D:-$(date -u -d yesterday +%F)}"\necho "run for ${DAY}"',
  'set -euo pipefail\n\nif [[ "${D:-}" =~ ^[0-9]{4}-[0-9]{2}-[0-9]{2}$ ]]; then\n  DAY="$D"\nelse\n  DAY="$(date -u +%F)"\nfi\necho "$DAY"',
  'set -euo pipefail\n\nDAY=${1:-${D:-}}\n[ -n "$DAY" ] || DAY=$(date -u +%F)\necho $DAY',
  'set -euo pipefail\n\n: "${D:=${2:-$(date +%F)}}"\nexport D\npython3 -c \'import os; print(os.environ["D"])\'',
  'set -euo pipefail\n\nfunction get_day {\n  if [ -n "${D:-}" ]; then\n    echo "$D"\n    return\n  fi\n  date -u +%F\n}\nday=$(get_day)\necho $day',
  'set -euo pipefail\n\nfunction get_day() {\n  if [ -z "${D:-}" ]; then\n    echo "no day" >&2\n    return 1\n  fi\n  echo "$D"\n}\nday=$(get_day) || day=$(date +%F)\necho $day',
  'set -euo pipefail\n\nfunction get_day() {\n  [ -n "${D:-}" ] || return 1\n}\nif ! get_day; then\n  D=x\nfi\necho $D',
  'set -euo pipefail\n\nif [ -n "${D:-}" ]; then\n  args=(--date "$D")\nelse\n  args=()\nfi\necho "${args[@]}"',
  'set -euo pipefail\n\nargs=()\n[ -n "${D:-}" ] && args+=(--date "$D")\necho "${args[@]}"',
  'set -euo pipefail\n\nargs=()\n[ -z "${D:-}" ] || args+=(--date "$D")\necho "${args[*]}"',
  'set -euo pipefail\n\nopt="${D:+--date=$D}"\necho run $opt',
  'set -euo pipefail\n\nopt=${D:+"--date=$D"}\necho run ${opt:-}',
  'set -euo pipefail\n\nif echo "${D:-}" | grep -qE \'^[0-9]+\'; then echo "$D"; fi\necho ok',
  'set -euo pipefail\n\nif printenv D >/dev/null; then echo "$D"; else echo default; fi',
  "set -euo pipefail\n\nif env | grep -q '^D='; then echo \"$D\"; else echo default; fi",
  'set -euo pipefail\n\ntest -n "${D+set}" && day=$D || day=$(date +%F)\necho $day',
  "set -euo pipefail\n\nDEFAULT=$(date +%F)\nD=${D-$DEFAULT}\necho ${D:0:4}",
  'set -euo pipefail\n\neval "export D=\\"\\${D:-x}\\""\necho $D',
  'set -euo pipefail\n\nwhile [[ $# -gt 0 ]]; do\n  case "$1" in\n    --date) D="$2"; shift 2 ;;\n    --date=*) D="${1#*=}"; shift ;;\n    *) shift ;;\n  esac\ndone\nD="${D:-$(date +%F)}"\necho "$D"',
  "set -euo pipefail\n\npsql_cmd() { cat; }\npsql_cmd <<-SQL\n\tselect '${D:-none}'\n\tSQL\necho done",
  "set -euo pipefail\n\nsed -e 's/@DATE@/${D}/g' <<< '@DATE@'",
  '(: "${D:?}") || echo no',
  'x="$(: "${D:?}")" || x=1\necho $x',
  'if ! (: "${D:?}") 2>/dev/null; then D=1; fi\necho $D',
  'set -euo pipefail\n\nrun() {\n  local day="$1"\n  echo "$day"\n}\nrun "${D:-today}"',
  'set -euo pipefail\n\nrun() {\n  local day="${1:-$D}"\n  echo "$day"\n}\nrun x',
  'set -euo pipefail\n\nmain() {\n  parse\n  work\n}\nparse() { D="${D:-x}"; }\nwork() { echo "$D"; }\nmain "$@"',
  'set -euo pipefail\n\ncleanup() {\n  echo "done ${D:-}"\n}\ntrap cleanup EXIT INT TERM\ntrue',
  'set -euo pipefail\n\njob() { echo "$D"; }\nexport -f job\nbash -c job',
  "set -euo pipefail\n\nD=$(date -u +%F) bash -euc 'echo \"$D\"'",
  "set -euo pipefail\n\nexport D=$(date -u +%F)\nbash -euc 'echo \"$D\"'",
  "set -euo pipefail\n\nsh -c 'echo \"$D\"'",
  'set -euo pipefail\n\nbash -c "set -u; echo \\$D" || true',
  "set -euo pipefail\n\nif [[ -z ${D-} || ${D-} == today ]]; then\n  D=$(date +%F)\nfi\necho $D",
  "set -euo pipefail\n\nif [[ -z ${D-} ]] || [[ ${D-} == today ]]; then\n  D=$(date +%F)\nfi\necho $D",
  "set -euo pipefail\n\nif [[ -n ${D-} && $D != today ]]; then\n  echo $D\nfi\necho",
  "set -euo pipefail\n\n[[ ${D:-} ]] || D=$(date +%F)\necho $D",
  "set -euo pipefail\n\n[[ ! ${D:-} ]] && D=$(date +%F)\necho $D",
  'set -euo pipefail\n\nlen=${D:+x}\n[ "$len" ] || D=$(date +%F)\necho $D',
  'set -euo pipefail\n\ncase ${D-} in\n  ????-??-??) ;;\n  today|"") D=$(date +%F) ;;\n  *) echo bad; exit 2 ;;\nesac\necho $D',
  "set -euo pipefail\n\ncase ${D+set} in\n  set) ;;\n  *) D=$(date +%F) ;;\nesac\necho $D",
  'set -euo pipefail\n\ndeclare -A cfg=([day]="${D:-}")\necho ${cfg[day]}',
  'set -euo pipefail\n\ndeclare D="${D:-x}"\necho $D',
  'set -euo pipefail\n\nf() { local D="${D:-x}"; g; }\ng() { echo $D; }\nf',
  "set -euo pipefail\n\nf() { declare -g D=x; }\nf\necho $D",
  "set -euo pipefail\n\nf() { export D=x; }\nf\necho $D",
  "set -eu\nf() { local -n out=$1; out=x; }\nf D\necho $D",
  "set -eu\nf() { local -n in=$1; echo $in; }\nf D",
  "set -eu\nf() { local -n out=$1; out=x; }\nf E\necho ${D:-}",
  'set -eu\nf() { printf -v "$1" x; }\nf D\necho $D',
  "set -euo pipefail\n\nset +u\nday=$D\nset -u\necho $day",
  "#!/usr/bin/env bash\n# set -u\necho ${D}",
  "set -e # -u\necho $D",
  'echo "set -u"\necho $D',
  "set -ue\necho $D | cat\necho hi",
  "set -u\necho $D | cat\necho hi",
  "set -u\necho $D & wait\necho hi",
  "set -u\nwhile true; do D=1; break; done\necho $D",
  'set -u\nwhile true; do if [ -n "${D:-}" ]; then break; fi; D=2; done\necho $D',
  "set -u\necho a; # comment's $D\necho b",
  "set -u\necho \"it's\"; echo '$D'",
  "set -u\nx='a'\"'\"'$D'\necho $x",
  "set -u\nawk -F, '{ if ($D) print $1 }' /dev/null",
  'set -u\nx=$(cat <<EOF\n{"day": "$D"}\nEOF\n)\necho "$x"',
  'set -eu\nx=$(cat <<\'EOF\'\n{"day": "$D"}\nEOF\n)\necho "$x"',
  "[ -n $D ] || exit 3",
  "if [ $D ]; then echo; fi",
  '[ "$D" ] && echo run; true',
  'set -e\n[ "$D" ] && echo run\ntrue',
  'if [ "$D" ]; then echo run; fi',
  'test "$D" || { echo no; exit; }',
  'die() { echo "$@"; return 3; }\n[[ -n "$D" ]] || die "no"\ntrue',
  'D="${D}"\nD=${D:-x}\nset -u\necho $D',
];
