# What the install scripts share. They source this file.

# Waits until no other script makes this result. The turn lasts until the script ends, for any
# reason, or takes another turn. Look for the result again afterwards: the other script has made it,
# unless it failed.
await_turn() {
  mkdir -p "$(dirname "$1")"
  exec 9>"$1.lock"
  command -v flock >/dev/null || return 0 # macOS has none
  flock -n 9 && return
  echo "Waiting for another process, which makes $1." >&2
  flock 9
}

missing=()
# Notes a Debian package, unless its program or its file is there: `need PROGRAM PACKAGE`.
need() { [ -e "$1" ] || command -v "$1" >/dev/null || missing+=("$2"); }

# Installs the packages that were noted. Its argument completes the sentence "Cannot …".
install_needed() {
  [ "${#missing[@]}" -gt 0 ] || return 0
  if ! command -v apt-get >/dev/null || [ "$(id -u)" != 0 ]; then
    echo "Cannot $1: install ${missing[*]} first, as root." >&2
    exit 1
  fi
  await_turn "$cache/packages" # apt-get fails if another one runs
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
  exec 9>&-
}
