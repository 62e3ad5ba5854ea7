"""Model files: their bytes, and what they say of themselves."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import helper

from metric_pose_ros.engines import EngineFailure, open_engine
from metric_pose_ros.models import ModelFile
from metric_pose_ros.pose_network import PoseNetwork
from test import fake_models
from test.fuzz.door import Check, Door
from test.fuzz.draw import Draw

_TOKENS = (
    b"[" * 3000,
    b'{"a":' * 1500,
    b"null",
    b"NaN",
    b"1e999",
    b"-1",
    b'"joints": []',
    b'"edges": [[0, 99]]',
    b"\\ud800",
    b'"',
    b'"skeletons": {"a": {"names": [], "edges": [], "indices": []}},',
    b'"skeletons": [1],',
    b'"kind": "nanodet",',
    b"9" * 5000,
    b'"format": 2,',
    b'"format": 1.0,',
    b'"crop_side": 1e99,',
)


def open_bytes(folder: Path) -> Check:
    """The whole file, protobuf and weights."""
    path = folder / "model.onnx"
    good = fake_models.save_pose_model(folder / "good.onnx").read_bytes()

    def check(draw: Draw) -> None:
        path.write_bytes(draw.mutated(good, (b"Add", b"Reshape", b"\xff" * 9, b"\x00" * 40, good[:200])))
        _run(ModelFile.open(path))

    return check


def open_metadata(folder: Path) -> Check:
    """The JSON in it, on a graph that is as it should be or promises other shapes."""
    path = folder / "model.onnx"
    model = onnx.load(fake_models.save_pose_model(folder / "good.onnx"))
    good = json.dumps(fake_models.metadata())

    def check(draw: Draw) -> None:
        text = _entries(draw) if draw.sometimes(2) else draw.mutated(good.encode(), _TOKENS).decode("utf-8", "replace")
        helper.set_model_props(model, {"metric_pose_ros": text})
        path.write_bytes(model.SerializeToString())
        opened = ModelFile.open(path)
        info = opened.pose_info(draw.text("", ("h36m_17", "coco_17", "fake_pose", "body_30")) or None)
        assert 0 < info.crop_side <= 4096
        assert np.isfinite([info.crop_scale, info.box_size_mm]).all()
        assert info.skeleton.name

    return check


def _entries(draw: Draw) -> str:
    entries = fake_models.metadata()
    for _ in range(draw.integer(1, 3)):
        entries[draw.choice(list(entries))] = _any(draw, 2)
    return json.dumps(entries)


def _any(draw: Draw, depth: int) -> Any:
    kind = draw.integer(0, 8 if depth else 5)
    if kind <= 1:
        return draw.number(256.0)
    if kind <= 3:
        return draw.choice((None, True, "", "pelvis", "pose", 0, -1, 10**30, "256", "nan", "1e999"))
    if kind <= 5:
        return draw.text("heavy")
    if kind == 6:
        return {draw.text("names", ("indices", "edges", "x")): _any(draw, depth - 1) for _ in range(draw.integer(0, 3))}
    return [_any(draw, depth - 1) for _ in range(draw.integer(0, 3))]


def _run(model: ModelFile) -> None:
    """Runs the model once, if it is one for poses."""
    info = model.pose_info()
    network = PoseNetwork(open_engine(model, "onnxruntime", 1), info)
    crops = np.zeros((1, 3, info.crop_side, info.crop_side), np.float32)
    poses = network(crops, np.eye(3)[None])
    joints = len(info.skeleton)
    assert poses.absolute.shape == (1, joints, 3)
    assert poses.joints2d.shape == (1, joints, 2)


DOORS = {"model": Door(open_bytes, (ValueError, EngineFailure)), "model_metadata": Door(open_metadata)}
