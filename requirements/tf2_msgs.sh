#!/bin/sh
# Builds tf2_msgs, which PyPI does not carry, into the virtual environment with the ROS 2 wheels: tf2_msgs.sh VENV.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
venv=$(cd "$1" && pwd)
folder=$venv/setup/definitions/tf2_msgs
mkdir -p "$folder/msg"

# rosbags knows the official definition; behind it come the definitions of the types it uses, which geometry_msgs has.
"$venv/bin/python" - "$folder/msg/TFMessage.msg" <<'PYTHON'
import pathlib
import sys

from rosbags.typesys import Stores, get_typestore

definition, _ = get_typestore(Stores.ROS2_JAZZY).generate_msgdef("tf2_msgs/msg/TFMessage", ros_version=2)
pathlib.Path(sys.argv[1]).write_text(definition.split("=" * 80)[0])
PYTHON
"$here/message_package.sh" "$venv" "$folder" geometry_msgs
