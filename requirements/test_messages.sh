#!/bin/sh
# Builds what the tests need of message packages that a robot has from apt and PyPI does not carry, from the definitions
# that the bag command writes by: test_messages.sh VENV.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
definitions=$here/../metric_pose_ros/messages/definitions
"$here/message_package.sh" "$1" "$definitions/people_msgs" std_msgs geometry_msgs
"$here/message_package.sh" "$1" "$definitions/vision_msgs" std_msgs geometry_msgs
"$here/message_package.sh" "$1" "$definitions/hri_msgs" std_msgs
