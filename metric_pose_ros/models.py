"""A model file and what it says of itself: ONNX metadata in, no side files."""

from __future__ import annotations

import contextlib
import logging
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import onnxruntime

from metric_pose_ros import plain_json
from metric_pose_ros.model_hashes import verify
from metric_pose_ros.skeleton import Skeleton
from metric_pose_ros.spoken_skeletons import choose, spoken_skeletons

logger = logging.getLogger(__name__)

METADATA_KEY = "metric_pose_ros"
FORMAT = 1
SHORT_NAMES = {
    "heavy": "metric_pose_heavy",
    "fast": "metric_pose_fast",
    "movenet": "movenet_multipose",
    "nanodet": "nanodet",
}
_KINDS = {
    "pose": ({"crops", "intrinsics"}, {"joints2d", "relative", "absolute", "std"}),
    "movenet_multipose": ({"image"}, {"people"}),
    "pose_from_image": ({"image", "homographies", "intrinsics"}, {"joints2d", "relative", "absolute", "std"}),
    "nanodet": ({"image"}, {"scores", "distances"}),
    "rtdetr": ({"images", "orig_target_sizes"}, {"labels", "boxes", "scores"}),
    "rtdetr_logits": ({"pixel_values"}, {"logits", "pred_boxes"}),
    "yolox": ({"images"}, {"output"}),
}
"""Inputs and outputs that each kind of model must have."""
_RANGES = (
    ("crop_side", 16, 2048),
    ("crop_scale", 0.1, 10.0),
    ("box_size_mm", 100.0, 100_000.0),
    ("stride", 1, 256),
    ("body_scale", 0.0, 10.0),
)
"""Of what pose models say of themselves; beyond, it makes no sense."""
_USUAL_SIDE = 640
_PLUGGED_IN = ("rtdetr", "rtdetr_logits", "yolox")
"""Kinds of detectors that are known by these, since their files say nothing of themselves."""


class ModelError(ValueError):
    """A model file that cannot be used; the message says why and what to do."""


@dataclass(frozen=True)
class PoseModelInfo:
    """What a pose model says of itself.

    Attributes:
        name: such as ``metric_pose_heavy``.
        version: of the weights.
        skeleton: joints and bones of the people it gives.
        crop_side: side of the square crops it takes, px.
        crop_scale: side of what a crop shows over the larger side of the box.
        box_size_mm: side of the volume its heatmaps span.
        stride: px per heatmap cell.
        outputs: which of the network's outputs are the skeleton's joints; None for all, in their order.
        calibrated: whether the uncertainty it states was compared with errors.
        body_scale: half of what a crop shows over how far from the hips the farthest joint appears, for models that
            look at bodies once they are known, see `body_crop`; 0 for those that look at boxes.
    """

    name: str
    version: str
    skeleton: Skeleton
    crop_side: int
    crop_scale: float
    box_size_mm: float
    stride: int
    outputs: tuple[int, ...] | None = None
    calibrated: bool = True
    body_scale: float = 0.0

    @classmethod
    def from_metadata(cls, entries: dict[str, Any], skeleton: Skeleton) -> PoseModelInfo:
        """What a file's metadata says, for people of a skeleton that is all of the model's outputs.

        Raises:
            KeyError: if an entry is missing.
            TypeError, ValueError, OverflowError: if an entry makes no sense.
        """
        info = cls(
            name=str(entries["name"]),
            version=str(entries["version"]),
            skeleton=skeleton,
            crop_side=int(entries["crop_side"]),
            crop_scale=float(entries["crop_scale"]),
            box_size_mm=float(entries["box_size_mm"]),
            stride=int(entries["stride"]),
            calibrated=bool(entries.get("calibrated", True)),
            body_scale=float(entries.get("body_scale", 0.0)),
        )
        info._check_ranges()
        return info

    def _check_ranges(self) -> None:
        for name, low, high in _RANGES:
            value = getattr(self, name)
            if not low <= value <= high:
                raise ValueError(f"its {name} is {value}, expected {low} to {high}")
        if not len(self.skeleton):
            raise ValueError("it has no joints")


@dataclass(frozen=True)
class ModelFile:
    """An ONNX file of ours.

    Attributes:
        path: of the file.
        kind: ``pose``, ``pose_from_image``, ``movenet_multipose`` or ``nanodet``, or a detector from elsewhere:
            ``rtdetr``, ``rtdetr_logits`` or ``yolox``.
        metadata: the file's JSON entry.
        inputs: shape per input name; text or None where a size is free.
        outputs: the same for outputs.
        sha256: of the file, in hexadecimal.
        vouched: in words, who states this SHA-256.
    """

    path: Path
    kind: str
    metadata: dict[str, Any]
    inputs: dict[str, tuple[int | str | None, ...]]
    outputs: dict[str, tuple[int | str | None, ...]]
    sha256: str = ""
    vouched: str = ""

    @classmethod
    def open(cls, name_or_path: str | Path) -> ModelFile:
        """Reads and checks a model's description, not its weights' meaning.

        Nothing of the file is loaded before its SHA-256 was compared with what is stated of it, see
        `metric_pose_ros.model_hashes`: a damaged or replaced file is refused.

        Args:
            name_or_path: a path, or the name of a shipped model such as ``metric_pose_heavy``, ``fast`` or ``movenet``.

        Raises:
            FileNotFoundError: if there is no such file; the message says where it was looked for.
            ModelError: if it is no ONNX file of ours, or not the file that it is stated to be.
        """
        path = find_model(name_or_path)
        shipped = path.stem in SHORT_NAMES.values() and path.parent.resolve() in [
            directory.resolve() for directory in model_directories()
        ]
        try:
            sha256, vouched = verify(path, must_be_stated=shipped)
        except (OSError, ValueError) as error:
            raise ModelError(str(error)) from error
        logger.info("%s has the SHA-256 %s, %s", path, sha256, vouched)
        options = onnxruntime.SessionOptions()
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
        options.intra_op_num_threads = 1
        try:
            session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        except Exception as error:  # onnxruntime's exceptions share no public base class
            raise ModelError(
                f"{path} ({path.stat().st_size} bytes) is not an ONNX model that loads; it may be truncated or a Git "
                f"LFS pointer: "
                f"fetch it again. ONNX Runtime says: {str(error).splitlines()[0]}"
            ) from error
        inputs = {tensor.name: tuple(tensor.shape) for tensor in session.get_inputs()}
        outputs = {tensor.name: tuple(tensor.shape) for tensor in session.get_outputs()}
        text = session.get_modelmeta().custom_metadata_map.get(METADATA_KEY)
        if text is None:
            plugged = next((kind for kind in _PLUGGED_IN if _KINDS[kind] == (set(inputs), set(outputs))), None)
            if plugged is None:
                raise ModelError(
                    f"{path} has no {METADATA_KEY!r} metadata: it was not exported for this package and is not laid "
                    f"out as a known detector ({', '.join(_PLUGGED_IN)})"
                )
            return cls(path, plugged, {}, inputs, outputs, sha256, vouched)
        try:
            metadata = plain_json.loads(text)
            version, kind = metadata["format"], metadata.get("kind", "pose")
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ModelError(f"{path}: its {METADATA_KEY!r} metadata cannot be read: {error}; export again") from error
        if version != FORMAT:
            raise ModelError(f"{path} has metadata format {version}, expected {FORMAT}: update package or model")
        model = cls(path, kind, metadata, inputs, outputs, sha256, vouched)
        model._check_tensors()
        return model

    def image_size(self, name: str) -> tuple[int, int]:
        """Height and width of an image input (N, 3, height, width), px; where they are free, what RT-DETR was made
        for."""
        height, width = self.inputs[name][2:]
        return (height if isinstance(height, int) else _USUAL_SIDE, width if isinstance(width, int) else _USUAL_SIDE)

    def pose_info(self, skeleton: str | None = None) -> PoseModelInfo:
        """What the model says of its crops and joints.

        Args:
            skeleton: the one that people shall have, of those the model speaks; its first if not given. See
                `metric_pose_ros.spoken_skeletons`.

        Raises:
            ModelError: if this is not a pose model, entries are missing or contradict the graph, or the model does not
                speak the skeleton.
        """
        if self.kind not in ("pose", "pose_from_image"):
            raise ModelError(f"{self.path} is a {self.kind} detector, expected a pose model")
        try:
            entries = self.metadata
            spoken, count = spoken_skeletons(entries), len(entries["joints"])
            info = PoseModelInfo.from_metadata(entries, spoken[0].skeleton)
        except KeyError as error:
            raise ModelError(f"{self.path}: its metadata has no entry {error}; export it again") from error
        except (TypeError, ValueError, AttributeError, OverflowError) as error:
            raise ModelError(f"{self.path}: its metadata makes no sense: {error}") from error
        side = info.crop_side
        if self.kind == "pose":
            self._check_shape("crops", self.inputs["crops"], (None, 3, side, side))
        else:
            self._check_shape("image", self.inputs["image"], (None, None, 3))
            self._check_shape("homographies", self.inputs["homographies"], (None, 3, 3))
        self._check_shape("intrinsics", self.inputs["intrinsics"], (None, 3, 3))
        for name, size in (("joints2d", 2), ("relative", 3), ("absolute", 3), ("std", 3)):
            self._check_shape(name, self.outputs[name], (None, count, size))
        try:
            chosen = choose(spoken, skeleton)
        except ValueError as error:
            raise ModelError(f"{self.path}: {error}") from error
        outputs = None if chosen.outputs == tuple(range(count)) else chosen.outputs
        return replace(info, skeleton=chosen.skeleton, outputs=outputs)

    def _check_tensors(self) -> None:
        if not isinstance(self.kind, str) or self.kind not in _KINDS:
            raise ModelError(f"{self.path} is of kind {self.kind!r}; known are {', '.join(_KINDS)}")
        inputs, outputs = _KINDS[self.kind]
        for what, expected, given in (("inputs", inputs, set(self.inputs)), ("outputs", outputs, set(self.outputs))):
            if not expected <= given:
                raise ModelError(
                    f"{self.path} has {what} {', '.join(sorted(given))}, but a {self.kind} model has "
                    f"{', '.join(sorted(expected))}: export it again"
                )

    def _check_shape(self, name: str, given: tuple[int | str | None, ...], expected: tuple[int | None, ...]) -> None:
        fits = len(given) == len(expected) and all(
            want is None or not isinstance(size, int) or size == want
            for size, want in zip(given, expected, strict=False)
        )
        if not fits:
            raise ModelError(f"{self.path}: {name} has shape {list(given)}, but its metadata promises {list(expected)}")


def model_directories() -> list[Path]:
    """Where shipped models are looked for: the installed share directory, then the source tree."""
    directories = []
    try:
        from ament_index_python.packages import PackageNotFoundError, get_package_share_directory

        # ament's index raises OSError where no ROS is sourced, as with the ROS wheels of PyPI.
        with contextlib.suppress(PackageNotFoundError, OSError):
            directories.append(Path(get_package_share_directory("metric_pose_ros")) / "models")
    except ImportError:
        pass  # not in a ROS environment
    directories.append(Path(sys.prefix) / "share" / "metric_pose_ros" / "models")
    directories.append(Path(__file__).resolve().parent.parent / "models")
    return directories


def find_model(name_or_path: str | Path) -> Path:
    """The file of a model that is given by path, by name or by short name.

    Raises:
        FileNotFoundError: if there is none; the message lists the places that were looked at and the models found
        there.
    """
    path = Path(name_or_path).expanduser()
    if path.is_file():
        return path
    name = SHORT_NAMES.get(str(name_or_path), str(name_or_path))
    directories = model_directories()
    if path.parent == Path("."):
        for directory in directories:
            candidate = directory / f"{name.removesuffix('.onnx')}.onnx"
            if candidate.is_file():
                return candidate
    found = sorted({file.stem for directory in directories if directory.is_dir() for file in directory.glob("*.onnx")})
    raise FileNotFoundError(
        f"no model {str(name_or_path)!r}: it is no file, and not among the shipped models "
        f"({', '.join(found) or 'none found'}) in {', '.join(str(directory) for directory in directories)}"
    )
