#!/bin/sh
# Prints the Python that .venv is made with, after checking what the machine lacks and installing it with apt where that is allowed.
set -eu

say() {
    echo "$@" >&2
}

# A Python that runs (a version manager's stub may not) and is the asked-for version.
is_311() {
    command -v "$1" >/dev/null && "$1" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' 2>/dev/null
}

find_sourced() {
    for candidate in python3 /usr/bin/python3; do
        if "$candidate" -c 'import rclpy' 2>/dev/null; then
            command -v "$candidate"
            return
        fi
    done
}

find_311() {
    for candidate in python3.11 python3; do
        if is_311 "$candidate"; then
            command -v "$candidate"
            return
        fi
    done
    ! command -v uv >/dev/null || uv python find 3.11 2>/dev/null || true
}

find_python() {
    if [ -n "$sourced" ]; then find_sourced; else find_311; fi
}

# What is missing, as Debian's package names.
missing_packages() {
    python=$(find_python)
    if [ -z "$python" ]; then
        [ -n "$sourced" ] || echo python3
        echo python3-venv
        [ -n "$sourced" ] || echo python3-dev
    else
        "$python" -c 'import venv, ensurepip' 2>/dev/null || echo python3-venv
        # tf2_msgs is compiled, so it needs the headers; a sourced ROS has it already.
        [ -n "$sourced" ] || "$python" -c '
import pathlib, sys, sysconfig
sys.exit(not pathlib.Path(sysconfig.get_path("include"), "Python.h").exists())' || echo python3-dev
    fi
    [ -n "$sourced" ] || command -v g++ >/dev/null || echo g++
}

sourced=${AMENT_PREFIX_PATH:+${ROS_DISTRO:-}}
if [ -z "$sourced" ] && [ -z "$(find_311)" ] && command -v uv >/dev/null; then
    say "Fetching Python 3.11 with uv"
    uv python install 3.11 >&2
fi

packages=$(missing_packages | tr '\n' ' ')
if [ -n "$packages" ]; then
    command="apt-get install -qq -y --no-install-recommends ${packages% }"
    [ "$(id -u)" = 0 ] || command="sudo $command"
    if ! command -v apt-get >/dev/null; then
        say "Missing: $packages(Debian's names). Install them with this system's package manager and try again."
        exit 1
    fi
    if [ "$(id -u)" != 0 ] && [ -z "${CI:-}" ]; then
        if [ ! -t 0 ]; then
            say "Missing: $packages"
            say "Install with: $command"
            exit 1
        fi
        printf 'Missing: %s\nRun "%s" now? [y/N] ' "$packages" "$command" >&2
        read -r answer
        case $answer in
            y | Y | yes) ;;
            *)
                say "Then install with: $command"
                exit 1
                ;;
        esac
    fi
    say "Running: $command"
    export DEBIAN_FRONTEND=noninteractive
    ${command%%apt-get*}apt-get update -qq >&2
    $command >&2
fi

python=$(find_python)
if [ -z "$python" ]; then
    if [ -n "$sourced" ]; then
        say "ROS 2 $ROS_DISTRO is sourced, but no python3 can import rclpy: install ros-$ROS_DISTRO-rclpy, or open a shell without ROS."
    else
        say "ROS 2 from PyPI needs Python 3.11, and this machine's python3 is $(python3 -V 2>&1)."
        say "Install uv (pipx install uv) so that it can bring one, or source a ROS 2, and try again."
    fi
    exit 1
fi
echo "$python"
