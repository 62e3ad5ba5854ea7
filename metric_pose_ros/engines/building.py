"""From an ONNX file to a built engine, with tensorrt 10, tensorrt 11 or tensorrt_rtx (which needs no GPU for it).

Networks are strongly typed: the precision of each layer is what the graph says, and no builder flag changes it. It is
the one way that all three understand, and one engine then computes what the other does.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from metric_pose_ros.engines.log import TensorRTLog
from metric_pose_ros.engines.profiles import Profile

logger = logging.getLogger(__name__)

PRECISION = "as in the graph (strongly typed)"
_SAY_EVERY_S = 10.0


class BuildError(ValueError):
    """A graph that this TensorRT does not take; the message says what it objects to."""


class Progress:
    """Says from time to time how far a build is.

    Args:
        model: name of what is built.
        seconds_before: that it took before, if known.
        every_s: seconds between two messages.
    """

    def __init__(self, model: str, seconds_before: float | None = None, every_s: float = _SAY_EVERY_S) -> None:
        self._model = model
        self._before = seconds_before
        self._every = every_s
        self._start = self._said = time.monotonic()
        self._phases: dict[str, tuple[int, int]] = {}

    def start(self, phase: str, steps: int) -> None:
        """A phase of so many steps begins, within those that have not ended."""
        self._phases[phase] = (0, steps)
        self._say()

    def step(self, phase: str, number: int) -> None:
        """Step `number` of a phase is done."""
        if phase in self._phases:
            self._phases[phase] = (number + 1, self._phases[phase][1])
        self._say()

    def finish(self, phase: str) -> None:
        """A phase ends."""
        self._phases.pop(phase, None)

    def _say(self) -> None:
        now = time.monotonic()
        if now - self._said < self._every or not self._phases:
            return
        self._said = now
        # A copy: TensorRT reports from threads of its own.
        phase, (done, steps) = list(self._phases.items())[-1]
        expected = f" of some {self._before:.0f} s" if self._before else " s"
        logger.warning(
            "building %s: %.0f%s, %s %d/%d", self._model, now - self._start, expected, phase.lower(), done, steps
        )


def build_engine(
    trt: ModuleType, path: Path, profiles: Sequence[Profile], progress: Progress, timing: Path | None = None
) -> bytes:
    """Builds an engine.

    Args:
        trt: the module ``tensorrt`` or ``tensorrt_rtx``.
        path: of the ONNX file.
        profiles: input sizes, in the order that the engine numbers them.
        progress: is told how far it is.
        timing: file that remembers which kernels were fastest, so that the next build on this GPU is shorter;
            tensorrt_rtx, which chooses them when an engine runs, has none.

    Raises:
        BuildError: if the graph cannot be parsed or built.
    """
    log = TensorRTLog(trt)
    builder = trt.Builder(log.sink)
    flags = 1 << int(trt.NetworkDefinitionCreationFlag.STRONGLY_TYPED)
    # TensorRT 10 has both kinds of batch; later ones only this one, and no flag for it.
    explicit = getattr(trt.NetworkDefinitionCreationFlag, "EXPLICIT_BATCH", None)
    network = builder.create_network(flags | (1 << int(explicit) if explicit is not None else 0))
    parser = trt.OnnxParser(network, log.sink)
    if not parser.parse(path.read_bytes()):
        errors = "; ".join(str(parser.get_error(number)) for number in range(parser.num_errors))
        raise BuildError(f"{trt.__name__} {trt.__version__} cannot read {path}: {errors}")
    config = builder.create_builder_config()
    config.progress_monitor = _monitor(trt, progress)
    if _has_half_convolutions(trt, network):
        # What such a graph leaves in fp32 needs it. TF32 would round it to as few bits as fp16.
        config.clear_flag(trt.BuilderFlag.TF32)
    for profile in profiles:
        _add_profile(builder, config, profile)
    cache = None if timing is None else _load_timing(config, timing)
    engine = builder.build_serialized_network(network, config)
    if engine is None:
        raise BuildError(f"{trt.__name__} {trt.__version__} cannot build {path}: {log.last_error}")
    _keep_timing(cache, timing)
    return bytes(engine)


def _has_half_convolutions(trt: ModuleType, network: Any) -> bool:
    layers = (network.get_layer(number) for number in range(network.num_layers))
    return any(
        layer.type == trt.LayerType.CONVOLUTION and layer.get_output(0).dtype == trt.DataType.HALF for layer in layers
    )


def _add_profile(builder: Any, config: Any, profile: Profile) -> None:
    made = builder.create_optimization_profile()
    for name, sizes in profile.inputs.items():
        made.set_shape(name, sizes.least, sizes.best, sizes.most)
    if config.add_optimization_profile(made) < 0:
        raise BuildError(f"the sizes {profile} do not fit the graph's inputs")


def _load_timing(config: Any, path: Path) -> Any:
    cache = config.create_timing_cache(path.read_bytes() if path.is_file() else b"")
    if not config.set_timing_cache(cache, False):  # of another GPU or version
        cache = config.create_timing_cache(b"")
        config.set_timing_cache(cache, False)
    return cache


def _keep_timing(cache: Any, path: Path | None) -> None:
    if cache is None or path is None:
        return
    try:
        partial = path.with_name(f"{path.name}.partial")
        partial.write_bytes(bytes(cache.serialize()))
        partial.replace(path)
    except OSError as error:  # only the next build would have been faster
        logger.info("timings are not kept: %s", error)


def _monitor(trt: ModuleType, progress: Progress) -> Any:
    """TensorRT's own kind of object, which can only be made once a TensorRT is there."""

    class Monitor(trt.IProgressMonitor):  # type: ignore[name-defined]
        def __init__(self) -> None:
            trt.IProgressMonitor.__init__(self)

        def phase_start(self, phase_name: str, parent_phase: str | None, num_steps: int) -> None:
            progress.start(phase_name, num_steps)

        def step_complete(self, phase_name: str, step: int) -> bool:
            progress.step(phase_name, step)
            return True

        def phase_finish(self, phase_name: str) -> None:
            progress.finish(phase_name)

    return Monitor()
