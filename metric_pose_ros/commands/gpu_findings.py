"""What `metric-pose doctor` says of the GPU: engines, their cache, memory and clocks."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

from metric_pose_ros.commands.findings import Finding
from metric_pose_ros.engines.cache import EngineCache
from metric_pose_ros.engines.choice import BEST_FIRST, TITLES, missing
from metric_pose_ros.engines.cuda import CudaError, open_device

_ENOUGH_MEMORY = 1.5e9
"""Free bytes on the GPU that the networks and their engines' building take at most."""
_TENSORRT = ("tensorrt", "tensorrt_rtx")
_JETSON = Path("/etc/nv_tegra_release")
_GOVERNOR = Path("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")


def examine_gpu(cache: EngineCache | None = None) -> Iterator[Finding]:
    """All checks in turn; none raises.

    Args:
        cache: of engines; the user's own if not given.
    """
    yield from _device()
    for kind in BEST_FIRST:
        lacking = missing(kind)
        if lacking is not None:
            yield Finding("note", f"{TITLES[kind]}: {lacking}")
        else:
            yield Finding("ok", f"{TITLES[kind]} {_version(kind)}: can be used".replace(" :", ":"))
    if any(missing(kind) is None for kind in _TENSORRT) and find_spec("onnx") is None:
        yield Finding("note", "without the package onnx crops are cut on the CPU: pip install onnx")
    yield from _engines(cache or EngineCache())
    if _JETSON.is_file():
        yield from _jetson(_JETSON.read_text(encoding="utf-8", errors="replace"))


def _device() -> Iterator[Finding]:
    try:
        device = open_device()
        free = device.free_bytes()
    except CudaError as error:
        yield Finding("note", f"no GPU is used: {error}; the CPU does the work")
        return
    text = (
        f"{device.name}, compute capability {device.capability}, CUDA {device.driver} driver, "
        f"{free / 1e9:.1f} of {device.memory_bytes / 1e9:.1f} GB free"
    )
    if free < _ENOUGH_MEMORY:
        yield Finding("note", f"{text}: engines may not build; close what else uses the GPU")
    else:
        yield Finding("ok", text)


def _version(kind: str) -> str:
    """Of the library; empty where it is not known."""
    module = kind if kind in _TENSORRT else "onnxruntime"
    return str(getattr(sys.modules.get(module), "__version__", ""))


def _engines(cache: EngineCache) -> Iterator[Finding]:
    entries = cache.entries()
    broken = len(list(cache.folder.glob("*.engine"))) - len(entries)
    if broken:
        yield Finding("note", f"{broken} unusable engines in {cache.folder}: metric-pose engine clear")
    if entries:
        size = sum(entry.bytes for entry in entries) / 1e6
        yield Finding("ok", f"{len(entries)} built engines, {size:.0f} MB, in {cache.folder}: metric-pose engine list")
    else:
        yield Finding("ok", f"no built engines in {cache.folder}: metric-pose engine build makes them before a start")


def _jetson(release: str) -> Iterator[Finding]:
    yield Finding("ok", f"Jetson, {release.splitlines()[0].lstrip('# ')}" if release.strip() else "Jetson")
    mode = _output("nvpmodel", "-q")
    if mode is None:
        yield Finding("note", "the power mode cannot be read (nvpmodel -q)")
    else:
        named = (mode.split(":", 1)[-1].split() or ["unnamed"])[0]
        yield Finding("ok", f"power mode {named}; sudo nvpmodel -m 0 is the fastest on most")
    governor = _GOVERNOR.read_text(encoding="utf-8").strip() if _GOVERNOR.is_file() else "unknown"
    if governor == "performance":
        yield Finding("ok", "clocks are fixed")
    else:
        yield Finding("note", f"clocks follow the load (governor {governor}): sudo jetson_clocks makes times steady")


def _output(*command: str) -> str | None:
    """What a command prints; None if it is not there, fails or says nothing."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=5, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip() or None
