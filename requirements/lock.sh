#!/bin/sh
# Writes locks/*.txt from the other files here: every package of every environment, its version and the SHA-256 of its
# files on PyPI, for all machines. Versions that are locked stay as long as they fit; lock.sh --upgrade-package NAME, or
# --upgrade for all, asks for newer ones.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
tools=$("$here/supply_tools.sh")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$(dirname "$here")"

# What only the CUDA builds of PyTorch need; see torch.txt.
printf '%s\n' cuda-bindings cuda-toolkit nvidia-cudnn-cu13 nvidia-cusparselt-cu13 nvidia-nccl-cu13 nvidia-nvshmem-cu13 \
    triton >"$work/cuda.txt"

# From whatever index is configured; files have the same hashes everywhere, torch aside.
resolve() {
    "$tools/uv" pip compile --quiet --project "$work" --universal \
        --excludes "$work/cuda.txt" -c requirements/torch.txt --no-emit-package torch --annotation-style line \
        --custom-compile-command "./run lock" "$@"
}

# lock OLDEST NEWEST STEP[=FILE]...: one resolution for all steps, so that they agree, then a lock for each; for Linux and
# the Pythons from OLDEST to before NEWEST.
lock() {
    python=$1
    everywhere="python_full_version < '$2' and platform_python_implementation == 'CPython' and sys_platform == 'linux'"
    cat >"$work/pyproject.toml" <<TOML
[tool.uv]
environments = [
    "$everywhere",
]
TOML
    shift 2
    inputs=
    seen=
    for step in "$@"; do
        inputs="$inputs requirements/${step#*=}.txt"
        seen="$seen requirements/locks/${step%%=*}.txt"
    done
    all=$work/all.txt
    # shellcheck disable=SC2086  # lists of files
    cat $seen 2>/dev/null | sed -n 's/^\([^ #]*==[^\\#]*\).*/\1/p' | sort -u >"$all" || true
    # shellcheck disable=SC2086  # a list of files and of options
    resolve --python-version "$python" $options $inputs -o "$all" >/dev/null
    for step in "$@"; do
        resolve --python-version "$python" --generate-hashes -c "$all" "requirements/${step#*=}.txt" \
            -o "$work/locked.txt" >/dev/null
        sed -e "s#, -c $all##" -e "s#-c $all, ##" -e "s# ; $everywhere##" "$work/locked.txt" >"requirements/locks/${step%%=*}.txt"
        rm "$work/locked.txt"
    done
}

options=$*
# ROS' wheels are for one Python; a sourced ROS brings the Python of its Ubuntu.
lock 3.11 3.12 runtime ros demo test training mutation
lock 3.10 3.13 runtime_sourced_ros demo_sourced_ros test_sourced_ros=test
lock 3.11 3.12 ros_kilted
lock 3.10 3.13 fuzz
lock 3.10 3.14 supply
