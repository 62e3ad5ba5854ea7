"""`metric-pose engine`: builds GPU engines before a start, lists them, removes them."""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from pathlib import Path

from metric_pose_ros.engines.cache import EngineCache
from metric_pose_ros.engines.choice import NotHereError, built, engine_key, load_tensorrt, missing
from metric_pose_ros.engines.cuda import CudaError, open_device
from metric_pose_ros.engines.profiles import BATCHES, batches_up_to
from metric_pose_ros.image_network import TWIN, gpu_twin
from metric_pose_ros.models import SHORT_NAMES, ModelFile

_KINDS = ("tensorrt", "tensorrt_rtx")
_USUAL_MODELS = ("heavy", "movenet")


def add_parser(commands: argparse._SubParsersAction) -> None:
    """Describes the command."""
    parser = commands.add_parser(
        "engine",
        help="build, list or clear GPU engines",
        description="TensorRT builds an engine per model and GPU, which takes from seconds to minutes. It happens by "
        "itself at the first start; here it can be done before.",
    )
    parser.set_defaults(run=run)
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    build = verbs.add_parser("build", help="build what is not there yet")
    build.add_argument(
        "models", nargs="*", default=_USUAL_MODELS, help=f"names or files (default: {' '.join(_USUAL_MODELS)})"
    )
    build.add_argument("--engine", default="auto", choices=("auto", *_KINDS))
    build.add_argument(
        "--max-people",
        type=int,
        default=BATCHES[-1],
        metavar="N",
        help="the node's parameter max_people, which the engine must be built for (default: %(default)s)",
    )
    verbs.add_parser("list", help="show what is there")
    clear = verbs.add_parser("clear", help="remove engines; they are built again when needed")
    clear.add_argument("model", nargs="?", help="only this model's, by name or file (default: all)")


def run(arguments: argparse.Namespace) -> int:
    """Runs the command; see `metric_pose_ros.commands.main` for the exit status.

    Raises:
        ValueError: if there is no TensorRT or GPU to build for, or a model cannot be built.
        FileNotFoundError: if there is no such model.
    """
    cache = EngineCache()
    if arguments.verb == "build":
        return _build(cache, arguments.models, arguments.engine, batches_up_to(arguments.max_people))
    if arguments.verb == "clear":
        return _clear(cache, arguments.model)
    return _list(cache)


def _build(cache: EngineCache, names: Sequence[str], engine: str, batches: Sequence[int]) -> int:
    named = [ModelFile.open(name) for name in names]
    models = [gpu_twin(model) or model for model in named]  # as the estimator does it
    kinds = _KINDS if engine == "auto" else (engine,)
    lacking = {kind: missing(kind) for kind in kinds}
    kind = next((kind for kind in kinds if lacking[kind] is None), None)
    if kind is None:
        reasons = "; ".join(f"{kind}: {reason}" for kind, reason in lacking.items())
        raise ValueError(f"there is nothing to build with: {reasons}")
    try:
        trt, device = load_tensorrt(kind), open_device()
    except (NotHereError, CudaError) as error:
        raise ValueError(f"{kind} cannot be used: {error}") from error
    for model in models:
        key = engine_key(trt, device, model, batches)
        start = time.monotonic()
        size = len(built(trt, model, key, batches, cache))
        print(
            f"{model.path.stem}: {size / 1e6:.1f} MB for {device.name} with {key.runtime}, "
            f"{time.monotonic() - start:.1f} s"
        )
    return 0


def _clear(cache: EngineCache, name: str | None) -> int:
    if name is None:
        print(f"removed {len(cache.clear())} files from {cache.folder}")
        return 0
    model = Path(SHORT_NAMES.get(name, name)).name.removesuffix(".onnx")
    gone = [path for each in (model, f"{model}{TWIN}") for path in cache.clear(each)]
    there = ""
    if not gone:
        there = f": nothing there is of {model}, but of {', '.join(sorted(cache.models())) or 'no model'}"
    print(f"removed {len(gone)} files from {cache.folder}{there}")
    return 0


def _list(cache: EngineCache) -> int:
    entries = cache.entries()
    if not entries:
        print(f"no engines in {cache.folder}")
        return 0
    print(f"in {cache.folder}:")
    for entry in entries:
        when = time.strftime("%Y-%m-%d %H:%M", time.localtime(entry.built))
        key = entry.key
        print(
            f"{key.model} ({key.model_sha256[:12]}): {entry.bytes / 1e6:.1f} MB, {key.runtime}, {key.gpu} "
            f"({key.capability}), built {when} in {entry.seconds:.0f} s\n    {key.profile}"
        )
    return 0
