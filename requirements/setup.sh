#!/bin/sh
# Makes .venv, or brings it up to date: setup.sh demo|test. What is up to date is left alone, so a second call takes no time.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
root=$(dirname "$here")
venv=$root/.venv
state=$venv/setup

case ${1:-} in
    demo) steps="runtime ros tf2_msgs demo package" ;;
    test) steps="runtime ros tf2_msgs demo package test test_messages training" ;;
    *)
        echo "usage: setup.sh demo|test, not '${1:-}'" >&2
        exit 2
        ;;
esac

kind="ROS 2 Jazzy from PyPI"
variant=
if [ -n "${ROS_DISTRO:-}" ] && [ -n "${AMENT_PREFIX_PATH:-}" ]; then
    kind="ROS 2 $ROS_DISTRO as sourced"
    variant=_sourced_ros
    # ROS itself and tf2_msgs are there already; what training needs wants a NumPy that ROS' compiled messages cannot have.
    steps=$(echo "$steps" | sed -e 's/ ros tf2_msgs / /' -e 's/ test_messages//' -e 's/ training//')
fi

# What a step installs, by hash.
lock() {
    echo "$here/locks/$1$variant.txt"
}

# What a step depends on; its hash is the step's stamp.
sources() {
    case $1 in
        tf2_msgs) echo "$(lock ros) $here/tf2_msgs.sh $here/message_package.sh" ;;
        test_messages)
            echo "$(lock ros) $here/test_messages.sh $here/message_package.sh"
            find "$root/metric_pose_ros/messages/definitions" -name '*.msg' | sort
            ;;
        package) echo "$root/setup.py $root/setup.cfg $root/package.xml" ;;
        training) echo "$(lock training) $here/torch.txt" ;;
        *) lock "$1" ;;
    esac
}

stamp() {
    # shellcheck disable=SC2046  # a list of files
    cat $(sources "$1") | sha256sum
}

is_done() {
    [ -f "$state/$1.stamp" ] && [ "$(cat "$state/$1.stamp")" = "$(stamp "$1")" ]
}

# Runs a command with its output in a log, shows where it is, and shows the log's end if it fails.
logged() {
    title=$1
    log=$2
    shift 2
    began=$(date +%s)
    "$@" >"$log" 2>&1 &
    job=$!
    [ -t 1 ] || printf '%s\n' "$title"
    while kill -0 "$job" 2>/dev/null; do
        [ ! -t 1 ] || printf '\r\033[K%s  %s s  %.60s' "$title" $(($(date +%s) - began)) "$(tail -n 1 "$log")"
        sleep 0.3
    done
    if ! wait "$job"; then
        printf '\n%s failed; the end of %s:\n' "$title" "$log" >&2
        tail -n 30 "$log" >&2
        exit 1
    fi
    [ ! -t 1 ] || printf '\r\033[K'
    printf '%s: done in %s s\n' "$title" $(($(date +%s) - began))
}

install() {
    "$venv/bin/python" -m pip --disable-pip-version-check install --progress-bar off "$@"
}

# A lock names everything that its packages need, so nothing is left to resolve.
install_lock() {
    install --no-deps --require-hashes -r "$(lock "$1")"
}

do_step() {
    case $1 in
        tf2_msgs | test_messages) "$here/$1.sh" "$venv" ;;
        package) "$venv/bin/python" -m pip install --no-deps --no-build-isolation -e "$root" ;;
        training) install_lock training && install -r "$here/torch.txt" ;;
        *) install_lock "$1" ;;
    esac
}

describe() {
    case $1 in
        runtime) echo "NumPy, OpenCV, ONNX Runtime" ;;
        ros) echo "ROS 2 Jazzy" ;;
        tf2_msgs) echo "building tf2_msgs" ;;
        test_messages) echo "building messages for the tests" ;;
        demo) echo "what the demo draws and records with" ;;
        package) echo "metric_pose_ros itself" ;;
        test) echo "test tools" ;;
        training) echo "PyTorch and what training needs" ;;
    esac
}

# One setup at a time: two terminals would spoil each other's .venv.
mkdir -p "$root/.cache"
exec 9>"$root/.cache/setup.lock"
! command -v flock >/dev/null || flock 9

if [ "$(cat "$state/kind" 2>/dev/null)" != "$kind" ] || ! "$venv/bin/python" -c '' 2>/dev/null; then
    python=$("$here/find_python.sh")
    echo "Making .venv for $kind with $python"
    rm -rf "$venv"
    # shellcheck disable=SC2086  # one option or none
    "$python" -m venv ${variant:+--system-site-packages} "$venv"
    mkdir -p "$state"
    echo "$kind" >"$state/kind"
fi

total=0
for step in $steps; do
    is_done "$step" || total=$((total + 1))
done
number=0
for step in $steps; do
    is_done "$step" && continue
    number=$((number + 1))
    logged "[$number/$total] $(describe "$step")" "$state/$step.log" do_step "$step"
    stamp "$step" >"$state/$step.stamp"
done
