#!/bin/sh
# Builds a package of ROS messages into the virtual environment with the ROS 2 wheels:
# message_package.sh VENV FOLDER DEPENDENCY..., where FOLDER is named like the package and holds msg/*.msg.
set -eu

venv=$(cd "$1" && pwd)
folder=$(cd "$2" && pwd)
shift 2
package=$(basename "$folder")
python=$venv/bin/python
work=$venv/setup/$package
rm -rf "$work/source"
mkdir -p "$work/source"
cp -r "$folder/msg" "$work/source"

# The wheels' CMake exports name the paths of the machine they were built on.
python_headers=$("$python" -c 'import sysconfig; print(sysconfig.get_path("include"))')
numpy_headers=$("$python" -c 'import numpy; print(numpy.get_include())')
grep -rlF /opt/python/cp311-cp311 "$venv"/share/*/cmake | xargs -r sed -i \
    -e "s#/opt/python/cp311-cp311/include/python3.11#$python_headers#g" \
    -e "s#/opt/python/cp311-cp311/lib/python3.11/site-packages/numpy/_core/include#$numpy_headers#g"

cat >"$work/source/package.xml" <<XML
<?xml version="1.0"?>
<package format="3">
  <name>$package</name>
  <version>0.0.0</version>
  <description>Messages of $package</description>
  <maintainer email="nobody@example.com">nobody</maintainer>
  <license>BSD-3-Clause</license>
  <buildtool_depend>ament_cmake</buildtool_depend>
  <buildtool_depend>rosidl_default_generators</buildtool_depend>
$(printf '  <depend>%s</depend>\n' "$@")
  <exec_depend>rosidl_default_runtime</exec_depend>
  <member_of_group>rosidl_interface_packages</member_of_group>
  <export><build_type>ament_cmake</build_type></export>
</package>
XML
cat >"$work/source/CMakeLists.txt" <<CMAKE
cmake_minimum_required(VERSION 3.12)
project($package)
find_package(ament_cmake REQUIRED)
$(printf 'find_package(%s REQUIRED)\n' "$@")
find_package(rosidl_default_generators REQUIRED)
file(GLOB messages RELATIVE \${CMAKE_CURRENT_SOURCE_DIR} msg/*.msg)
rosidl_generate_interfaces(\${PROJECT_NAME} \${messages} DEPENDENCIES $@)
ament_export_dependencies(rosidl_default_runtime)
ament_package()
CMAKE

PATH=$venv/bin:$PATH
AMENT_PREFIX_PATH=$venv
export PATH AMENT_PREFIX_PATH
cmake -S "$work/source" -B "$work/build" -G Ninja -DCMAKE_PREFIX_PATH="$venv" \
    -DCMAKE_INSTALL_PREFIX="$venv" -DPython3_EXECUTABLE="$python" -DBUILD_TESTING=OFF
cmake --build "$work/build" -j2
cmake --install "$work/build"
"$python" -c "import importlib, rclpy; importlib.import_module('$package.msg')"
