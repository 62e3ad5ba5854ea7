#!/bin/sh
# Makes a virtual environment with ROS 2 Kilted from PyPI and what the ROS tests need, or leaves it alone if it is up to
# date: kilted.sh VENV.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
venv=$1
lock=$here/locks/ros_kilted.txt
stamp=$(cat "$lock" "$here/kilted.sh" "$here/tf2_msgs.sh" "$here/test_messages.sh" "$here/message_package.sh" | sha256sum)
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
"$venv/bin/python" -m pip --disable-pip-version-check install --quiet --no-deps --require-hashes -r "$lock"
"$here/tf2_msgs.sh" "$venv" >/dev/null
"$here/test_messages.sh" "$venv" >/dev/null
echo "$stamp" >"$venv/setup/stamp"
