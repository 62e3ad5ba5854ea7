"""`./run bench-gpu`: measures what the GPU does and writes ``out/bench-gpu/results.{json,md}``.

    ./run bench-gpu                                   everything; minutes, mostly torch.compile
    ./run bench-gpu throughput --cases heavy          these parts, these networks

Parts: throughput (crops/s at batch 1, 4, 8 and 16, against torch and ONNX Runtime on the same GPU in the same run, and
against the roofline), latency (image to people at two image sizes for 1, 4 and 8 people), precision (fp16 against
fp32), int8 (latency of the heavy network in int8, where --int8 or --shards is given).
Without a GPU it says what it would measure.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from metric_pose_ros.engines.cuda import CudaError, Device, open_device
from test.benchmarks.gpu import parts
from test.benchmarks.gpu.cases import cases
from test.benchmarks.gpu.report import markdown

PARTS: dict[str, Callable[[list, Path, dict[str, Any]], dict[str, Any]]] = {
    "throughput": parts.throughput,
    "latency": parts.latency,
    "precision": parts.precision,
    "int8": parts.int8,
}


def main(given: list[str] | None = None) -> int:
    """Measures; returns the exit status: 0 also where there is no GPU, 1 if a part failed."""
    known = {case.name: case for case in cases()}
    parser = argparse.ArgumentParser(
        prog="./run bench-gpu", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)}; all by default")
    parser.add_argument("--cases", nargs="+", choices=tuple(known), default=list(known), help="networks to measure")
    parser.add_argument("--out", type=Path, default=Path("out/bench-gpu"), help="folder for the results")
    parser.add_argument("--int8", metavar="FILE", help="int8 graph for GPUs (NAME_gpu.onnx) to measure")
    parser.add_argument("--shards", metavar="SHARDS", help="people to make that graph from, if it is not given")
    arguments = parser.parse_args(given)
    unknown = [part for part in arguments.parts if part not in PARTS]
    if unknown:
        parser.error(f"there is no part {', '.join(unknown)}; there are {', '.join(PARTS)}")
    chosen = arguments.parts or list(PARTS)
    try:
        device = open_device()
    except CudaError as error:
        print(f"there is no GPU here: {error}. With one, this would measure:")
        for part in chosen:
            print(f"  {part}: {(PARTS[part].__doc__ or '').splitlines()[0]}")
        print(f"  of {', '.join(arguments.cases)}")
        return 0
    arguments.out.mkdir(parents=True, exist_ok=True)
    results = _start(device)
    results["given"] = {"int8": arguments.int8, "shards": arguments.shards}
    failed = False
    for part in chosen:
        print(f"measuring {part} ...", flush=True)
        try:
            results[part] = PARTS[part]([known[name] for name in arguments.cases], arguments.out, results)
        except Exception as error:  # the other parts are worth having
            failed = True
            results[part] = {"skipped": f"{type(error).__name__}: {error}"}
            print(f"  failed: {error}", file=sys.stderr)
        (arguments.out / "results.json").write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    text = markdown({name: value for name, value in results.items() if "skipped" not in value})
    (arguments.out / "results.md").write_text(text, encoding="utf-8")
    print(text)
    return int(failed)


def _start(device: Device) -> dict[str, Any]:
    versions = {}
    for name in ("tensorrt", "tensorrt-rtx-cu13", "torch", "onnxruntime", "onnxruntime-gpu", "numpy"):
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return {
        "date": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()),
        "device": {"name": device.name, "capability": device.capability, "driver": device.driver},
        "versions": versions,
    }


if __name__ == "__main__":
    sys.exit(main())
