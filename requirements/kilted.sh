#!/bin/sh
# Makes a virtual environment with ROS 2 Kilted from PyPI and what the ROS tests need, or leaves it alone if it is up to
# date: kilted.sh VENV.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
venv=$1
# Where both name a package, the version of what runs on a robot counts: it comes last.
locks="$here/locks/ros_kilted.txt $here/locks/runtime.txt"
# shellcheck disable=SC2086  # a list of files
stamp=$(cat $locks "$here/kilted.sh" "$here/tf2_msgs.sh" "$here/test_messages.sh" "$here/message_package.sh" | sha256sum)
if [ "$(cat "$venv/setup/stamp" 2>/dev/null)" = "$stamp" ]; then
    exit 0
fi
if [ -n "${AMENT_PREFIX_PATH:-}" ]; then
    echo "another ROS is sourced: open a shell without it" >&2
    exit 1
fi
echo "making $venv: some minutes" >&2
rm -rf "$venv"
"$("$here/find_python.sh")" -m venv "$venv"
for lock in $locks; do
    "$venv/bin/python" -m pip --disable-pip-version-check install --quiet --no-deps --require-hashes -r "$lock"
done
"$here/tf2_msgs.sh" "$venv" >/dev/null
"$here/test_messages.sh" "$venv" >/dev/null
echo "$stamp" >"$venv/setup/stamp"
