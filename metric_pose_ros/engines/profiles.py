"""Which input sizes an engine is built for: one optimisation profile per range of sizes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from metric_pose_ros.models import ModelError, ModelFile

Shape = tuple[int, ...]

BATCHES = (1, 4, 16)
"""Crops of one batch at which engines are fastest: one person, a few, and as many as one batch takes."""

_SMALLEST_IMAGE = (32, 32)
_USUAL_IMAGE = (720, 1280)
LARGEST_SIDE = 1920
"""Of an image that a graph takes whole, px: every profile's memory is as large as the largest image."""
_MOVENET_SIZES = ((224, 352), (480, 832))
"""What a 16:9 image is scaled to for near and for far people."""


@dataclass(frozen=True)
class Sizes:
    """What one input may measure.

    Attributes:
        least: smallest shape.
        best: the shape that the engine is made fast for.
        most: largest shape.
    """

    least: Shape
    best: Shape
    most: Shape

    def hold(self, shape: Shape) -> bool:
        """Whether `shape` is within."""
        return len(shape) == len(self.least) and all(
            low <= size <= high for low, size, high in zip(self.least, shape, self.most, strict=True)
        )

    def __str__(self) -> str:
        shapes = [self.best] if self.least == self.most else [self.least, self.best, self.most]
        return "..".join("x".join(str(size) for size in shape) for shape in shapes)


@dataclass(frozen=True)
class Profile:
    """The sizes of all inputs that go together.

    Attributes:
        inputs: sizes by input name, of every input.
    """

    inputs: Mapping[str, Sizes]

    def hold(self, shapes: Mapping[str, Shape]) -> bool:
        """Whether inputs of these shapes can be run."""
        return all(sizes.hold(shapes[name]) for name, sizes in self.inputs.items())

    def __str__(self) -> str:
        return " ".join(f"{name}={sizes}" for name, sizes in sorted(self.inputs.items()))


def batches_up_to(max_people: int) -> tuple[int, ...]:
    """The batches to be fastest at where at most so many people are looked at; more come in parts.

    Raises:
        ValueError: if nobody is.
    """
    if max_people < 1:
        raise ValueError(f"at most {max_people} people were asked for, expected at least 1")
    return tuple(sorted({min(count, max_people) for count in BATCHES}))


def profiles_for(model: ModelFile, batches: Sequence[int] = BATCHES) -> tuple[Profile, ...]:
    """The profiles of a model, smallest first.

    Args:
        model: to build an engine for.
        batches: growing numbers of crops; the engine takes all up to the last, and is fastest at these.

    Raises:
        ValueError: if the batches do not grow from at least 1.
        ModelError: if an input is free in a way that is not known.
    """
    if not batches or batches[0] < 1 or list(batches) != sorted(set(batches)):
        raise ValueError(f"batches {list(batches)} were given, expected growing numbers from 1 on, such as 1 4 16")
    if model.kind == "movenet_multipose":
        return tuple(
            Profile({"image": Sizes((1, *_SMALLEST_IMAGE, 3), (1, *size, 3), (1, max(size), max(size), 3))})
            for size in _MOVENET_SIZES
        )
    ranges = list(zip([0, *batches], batches, strict=False)) if batched_inputs(model) else [(0, 1)]
    return tuple(
        Profile({name: _sizes(model, name, below + 1, most) for name in model.inputs}) for below, most in ranges
    )


def batched_inputs(model: ModelFile) -> frozenset[str]:
    """Inputs whose first axis is the crops of a batch; detectors have none."""
    if model.kind not in ("pose", "pose_from_image"):
        return frozenset()
    return frozenset(name for name, shape in model.inputs.items() if name != "image" and not isinstance(shape[0], int))


def _sizes(model: ModelFile, name: str, least: int, most: int) -> Sizes:
    """The sizes of one input for batches of `least` to `most`."""
    shape = model.inputs[name]
    fixed = tuple(size for size in shape if isinstance(size, int))
    if len(fixed) == len(shape):
        return Sizes(fixed, fixed, fixed)
    if name in batched_inputs(model) and len(fixed) == len(shape) - 1:
        return Sizes((least, *fixed), (most, *fixed), (most, *fixed))
    if model.kind == "pose_from_image" and name == "image" and len(shape) == 3:
        return Sizes((*_SMALLEST_IMAGE, 3), (*_USUAL_IMAGE, 3), (LARGEST_SIDE, LARGEST_SIDE, 3))
    if len(fixed) == len(shape) - 1 and not isinstance(shape[0], int):  # a detector looks at one image at a time
        return Sizes((1, *fixed), (1, *fixed), (1, *fixed))
    raise ModelError(
        f"{model.path}: input {name} has shape {list(shape)}, of which only the first size may be free: export it with "
        f"a fixed image size"
    )
