#!/bin/sh
# Builds tf2_msgs, which PyPI does not carry, into the virtual environment with the ROS 2 wheels: tf2_msgs.sh VENV.
set -eu

venv=$(cd "$1" && pwd)
python=$venv/bin/python
work=$venv/setup/tf2_msgs
mkdir -p "$work/source/msg"

# The wheels' CMake exports name the paths of the machine they were built on.
python_headers=$("$python" -c 'import sysconfig; print(sysconfig.get_path("include"))')
numpy_headers=$("$python" -c 'import numpy; print(numpy.get_include())')
grep -rlF /opt/python/cp311-cp311 "$venv"/share/*/cmake | xargs -r sed -i \
    -e "s#/opt/python/cp311-cp311/include/python3.11#$python_headers#g" \
    -e "s#/opt/python/cp311-cp311/lib/python3.11/site-packages/numpy/_core/include#$numpy_headers#g"

# rosbags knows the official definition; behind it come the definitions of the types it uses, which geometry_msgs has.
"$python" - "$work/source/msg/TFMessage.msg" <<'PYTHON'
import pathlib
import sys

from rosbags.typesys import Stores, get_typestore

definition, _ = get_typestore(Stores.ROS2_JAZZY).generate_msgdef("tf2_msgs/msg/TFMessage", ros_version=2)
pathlib.Path(sys.argv[1]).write_text(definition.split("=" * 80)[0])
PYTHON

cat >"$work/source/package.xml" <<'XML'
<?xml version="1.0"?>
<package format="3">
  <name>tf2_msgs</name>
  <version>0.36.0</version>
  <description>TFMessage</description>
  <maintainer email="nobody@example.com">nobody</maintainer>
  <license>BSD-3-Clause</license>
  <buildtool_depend>ament_cmake</buildtool_depend>
  <buildtool_depend>rosidl_default_generators</buildtool_depend>
  <depend>geometry_msgs</depend>
  <exec_depend>rosidl_default_runtime</exec_depend>
  <member_of_group>rosidl_interface_packages</member_of_group>
  <export><build_type>ament_cmake</build_type></export>
</package>
XML
cat >"$work/source/CMakeLists.txt" <<'CMAKE'
cmake_minimum_required(VERSION 3.12)
project(tf2_msgs)
find_package(ament_cmake REQUIRED)
find_package(geometry_msgs REQUIRED)
find_package(rosidl_default_generators REQUIRED)
rosidl_generate_interfaces(${PROJECT_NAME} "msg/TFMessage.msg" DEPENDENCIES geometry_msgs)
ament_export_dependencies(rosidl_default_runtime)
ament_package()
CMAKE

PATH=$venv/bin:$PATH
AMENT_PREFIX_PATH=$venv
export PATH AMENT_PREFIX_PATH
cmake -S "$work/source" -B "$work/build" -G Ninja -DCMAKE_BUILD_TYPE=Release -DCMAKE_PREFIX_PATH="$venv" \
    -DCMAKE_INSTALL_PREFIX="$venv" -DPython3_EXECUTABLE="$python" -DBUILD_TESTING=OFF
cmake --build "$work/build" -j2
cmake --install "$work/build"
"$python" -c 'from tf2_msgs.msg import TFMessage; import rclpy; print(TFMessage())'
