"""`./run bench`: measures what can be measured here and writes ``out/bench/results.{json,md}``.

    ./run bench                      everything, some minutes
    ./run bench accuracy speed       these parts

Parts: accuracy (the demo's clip against four calibrated views), detectors (2 to 10 m), speed (1280x720, one person),
ros (the same through the node with a 30 Hz camera, and 1920x1080 as JPEG), mediapipe (side by side in one run; makes
.venv-mediapipe), heads (what each head costs on top of its backbone, in torch), tracking (simulated people who cross
and hide each other), empty (people seen where nobody is, and recall; many minutes), load (1 to 20 people in 1 to 4
cameras through the node; curves in ``load.png``), faults (how soon people are published again after each). A part that
cannot run is named with the reason. The files keep the parts that were measured before.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import onnxruntime

from metric_pose_ros.models import ModelFile
from test.benchmarks import accuracy, detectors, empty, faults, load, side_by_side, speed, tracking
from test.benchmarks.report import markdown


def _ros() -> dict[str, Any]:
    from test.benchmarks import through_ros  # needs ROS 2

    return through_ros.measure()


def _heads() -> dict[str, Any]:
    from test.benchmarks import heads  # needs torch

    return heads.measure()


PARTS: dict[str, Callable[[], dict[str, Any]]] = {
    "accuracy": lambda: {model: accuracy.measure(model) for model in speed.MODELS},
    "detectors": lambda: {name: detectors.measure(name) for name in ("movenet", "nanodet")},
    "speed": speed.in_process,
    "ros": _ros,
    "mediapipe": side_by_side.measure,
    "heads": _heads,
    "tracking": tracking.measure,
    "load": load.measure,
    "faults": faults.measure,
    "empty": lambda: {model: empty.measure(model) for model in speed.MODELS},
}


def main() -> int:
    """Runs the parts asked for; returns the exit status: 1 if one that should run did not."""
    parser = argparse.ArgumentParser(
        prog="./run bench", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)}; all by default")
    parser.add_argument("--out", type=Path, default=Path("out/bench"), help="folder for the results")
    arguments = parser.parse_args()
    unknown = [part for part in arguments.parts if part not in PARTS]
    if unknown:
        parser.error(f"there is no part {', '.join(unknown)}; there are {', '.join(PARTS)}")
    arguments.out.mkdir(parents=True, exist_ok=True)
    file = arguments.out / "results.json"
    results: dict[str, Any] = json.loads(file.read_text()) if file.is_file() else {}
    failed = False
    for part in arguments.parts or PARTS:
        print(f"measuring {part} ...", flush=True)
        before, start = speed.load(), time.monotonic()
        try:
            measured = PARTS[part]()
        # Footage, places or MediaPipe that cannot be had are RuntimeErrors.
        except (FileNotFoundError, ImportError, RuntimeError) as error:
            measured = {"skipped": str(error)}
            failed = True
            print(f"  skipped: {error}", file=sys.stderr)
        results[part] = {**measured, "machine": {**_machine(), **before}, "seconds": round(time.monotonic() - start, 1)}
        if part == "load" and "skipped" not in measured:
            load.draw(measured, arguments.out / "load.png")
        file.write_text(json.dumps(results, indent=1) + "\n")
        (arguments.out / "results.md").write_text(markdown(results))
    print(markdown(results))
    print(f"written: {file} and results.md")
    return int(failed)


def _machine() -> dict[str, Any]:
    models = {}
    for name in speed.MODELS:
        try:
            model = ModelFile.open(name)
        except (FileNotFoundError, ValueError):
            continue
        models[name] = f"{model.metadata.get('version')}, {model.sha256[:12]}"
    return {
        "date": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()),
        "processor": _processor(),
        "python": platform.python_version(),
        "onnxruntime": onnxruntime.__version__,
        "models": models,
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.machine())


if __name__ == "__main__":
    sys.exit(main())
