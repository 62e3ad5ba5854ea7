#!/bin/sh
# Makes .venv-supply, or brings it up to date, and prints where its programs are.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
venv=$(dirname "$here")/.venv-supply
stamp=$(sha256sum <"$here/locks/supply.txt")
if [ "$(cat "$venv/stamp" 2>/dev/null)" != "$stamp" ] || ! "$venv/bin/python" -c '' 2>/dev/null; then
    echo "making .venv-supply" >&2
    python=$("$here/find_python.sh")
    rm -rf "$venv"
    "$python" -m venv "$venv" >&2
    "$venv/bin/python" -m pip --disable-pip-version-check install --no-deps --require-hashes \
        -r "$here/locks/supply.txt" >"$venv/install.log" 2>&1 || {
        tail -n 30 "$venv/install.log" >&2
        exit 1
    }
    echo "$stamp" >"$venv/stamp"
fi
echo "$venv/bin"
