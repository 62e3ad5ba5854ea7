"""Tiny ONNX models for tests, so that none depends on trained weights."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from metric_pose_ros.skeleton import BODY_30

# A person standing upright, facing the camera, arms half raised; mm, the pelvis is the origin, y down, z forward.
_STANDING = {
    "pelvis": (0, 0, 0), "left_hip": (90, 20, 0), "right_hip": (-90, 20, 0), "spine1": (0, -110, 10),
    "left_knee": (100, 420, -20), "right_knee": (-100, 420, -20), "spine2": (0, -250, 15), "left_ankle": (105, 830, 20),
    "right_ankle": (-105, 830, 20), "spine3": (0, -310, 10), "left_foot": (120, 890, -110),
    "right_foot": (-120, 890, -110), "neck": (0, -520, 10), "left_collar": (70, -440, 10),
    "right_collar": (-70, -440, 10),
    "head": (0, -610, -20), "left_shoulder": (180, -470, 10), "right_shoulder": (-180, -470, 10),
    "left_elbow": (380, -350, -20), "right_elbow": (-380, -350, -20), "left_wrist": (520, -550, -80),
    "right_wrist": (-520, -550, -80), "left_hand": (560, -620, -90), "right_hand": (-560, -620, -90),
    "nose": (0, -640, -110), "head_top": (0, -790, -20), "left_eye": (30, -670, -90), "right_eye": (-30, -670, -90),
    "left_ear": (70, -650, -20), "right_ear": (-70, -650, -20),
}  # fmt: skip
STANDING_MM = np.array([_STANDING[name] for name in BODY_30.names], dtype=np.float32)
"""(30, 3) a standing person, pelvis at the origin."""


def metadata(**changes: Any) -> dict[str, Any]:
    """What a pose model says of itself, with entries changed; a value of None removes the entry."""
    entries: dict[str, Any] = {
        "format": 1,
        "kind": "pose",
        "name": "fake_pose",
        "version": "0.0.1",
        "joints": list(BODY_30.names),
        "edges": [list(edge) for edge in BODY_30.edges],
        "crop_side": 256,
        "crop_scale": 1.25,
        "box_size_mm": 2200,
        "stride": 16,
        "origin": "made by a test",
        "licence": "Apache-2.0",
        **changes,
    }
    return {name: value for name, value in entries.items() if value is not None}


def save_pose_model(
    path: Path,
    entries: dict[str, Any] | None = None,
    pose_mm: np.ndarray = STANDING_MM,
    std_mm: float = 40.0,
) -> Path:
    """A pose model that sees the same person in the middle of every crop, filling 80 % of its height.

    Like the real ones it takes depth from the intrinsics: the distance is what makes `pose_mm` span 0.8 of the crop.
    """
    extent = float(pose_mm[:, 1].max() - pose_mm[:, 1].min())
    middle = (pose_mm[:, :2].max(axis=0) + pose_mm[:, :2].min(axis=0)) / 2
    centred = pose_mm - np.array([*middle, 0], dtype=np.float32)
    weights = {
        "pose": centred[None].astype(np.float32),
        "std_row": np.full((1, len(pose_mm), 3), std_mm, dtype=np.float32),
        "row": np.array([[[0.0, 0.0, extent / (0.8 * 256)]]], dtype=np.float32),
        "two": np.array([2], dtype=np.int64),
        "three": np.array([3], dtype=np.int64),
        "zero": np.array([0], dtype=np.int64),
        "last": np.array([2], dtype=np.int64),
        "tiny": np.array(0, dtype=np.float32),
        "column": np.array([-1, 1, 1], dtype=np.int64),
        "axes": np.array([1, 2, 3], dtype=np.int64),
        "fx_at": np.array([0, 0], dtype=np.int64),
        "fx_to": np.array([1, 1], dtype=np.int64),
        "matrix_axes": np.array([1, 2], dtype=np.int64),
    }
    nodes = [
        helper.make_node("Slice", ["intrinsics", "fx_at", "fx_to", "matrix_axes"], ["focal"]),  # (N, 1, 1)
        helper.make_node("Mul", ["focal", "row"], ["centre"]),  # (N, 1, 3): straight ahead at the fitting depth
        helper.make_node("ReduceMean", ["crops", "axes"], ["mean"], keepdims=0),
        helper.make_node("Mul", ["mean", "tiny"], ["nothing"]),  # the picture is read, but does not matter
        helper.make_node("Reshape", ["nothing", "column"], ["nothing3"]),
        helper.make_node("Add", ["pose", "nothing3"], ["relative"]),
        helper.make_node("Add", ["std_row", "nothing3"], ["std"]),
        helper.make_node("Add", ["relative", "centre"], ["absolute"]),
        helper.make_node("Transpose", ["intrinsics"], ["turned"], perm=[0, 2, 1]),
        helper.make_node("MatMul", ["absolute", "turned"], ["homogeneous"]),
        helper.make_node("Slice", ["homogeneous", "zero", "two", "last"], ["across"]),
        helper.make_node("Slice", ["homogeneous", "two", "three", "last"], ["depth"]),
        helper.make_node("Div", ["across", "depth"], ["joints2d"]),
    ]
    joints = len(pose_mm)
    graph = helper.make_graph(
        nodes,
        "fake_pose",
        [_tensor("crops", 3, 256, 256), _tensor("intrinsics", 3, 3)],
        [_tensor(name, joints, 2 if name == "joints2d" else 3) for name in ("joints2d", "relative", "absolute", "std")],
        [numpy_helper.from_array(values, name) for name, values in weights.items()],
    )
    return _save(graph, path, metadata() if entries is None else entries)


def save_detector(path: Path, kind: str, outputs: dict[str, np.ndarray]) -> Path:
    """A detector that finds the same in every image: `outputs` by name."""
    image = (
        helper.make_tensor_value_info("image", TensorProto.UINT8, [1, "height", "width", 3])
        if kind == "movenet_multipose"
        else helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 3, 416, 416])
    )
    weights = [numpy_helper.from_array(values.astype(np.float32), f"{name}_found") for name, values in outputs.items()]
    nodes = [helper.make_node("Identity", [f"{name}_found"], [name]) for name in outputs]
    made = [helper.make_tensor_value_info(name, TensorProto.FLOAT, values.shape) for name, values in outputs.items()]
    graph = helper.make_graph(nodes, kind, [image], made, weights)
    return _save(graph, path, {"format": 1, "kind": kind, "origin": "made by a test", "licence": "Apache-2.0"})


def _tensor(name: str, *shape: int) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", *shape])


def _save(graph: onnx.GraphProto, path: Path, entries: dict[str, Any]) -> Path:
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    helper.set_model_props(model, {"metric_pose_ros": json.dumps(entries)})
    onnx.checker.check_model(model)
    onnx.save(model, path)
    return path
