"""Detectors from elsewhere, as small graphs of their layouts that find what they were told to."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from metric_pose_ros.detection import open_detector
from metric_pose_ros.engines.building import Progress, build_engine
from metric_pose_ros.engines.profiles import profiles_for
from metric_pose_ros.models import ModelError, ModelFile
from metric_pose_ros.plugged_detection import RtDetr, YoloX

IMAGE = np.random.default_rng(0).integers(0, 256, (360, 640, 3)).astype(np.uint8)
PERSON = np.array([100.0, 50, 180, 290])
CHAIR = np.array([300.0, 100, 400, 200])


def save(path: Path, inputs: dict[str, tuple], outputs: dict[str, np.ndarray]) -> str:
    """A graph that reads its inputs and always finds `outputs`."""
    types = {np.dtype(np.float32): TensorProto.FLOAT, np.dtype(np.int64): TensorProto.INT64}
    image = next(iter(inputs))
    nodes, weights = [], [numpy_helper.from_array(np.array(0, np.float32), "zero")]
    nodes.append(helper.make_node("ReduceMean", [image], ["mean"], keepdims=0))
    nodes.append(helper.make_node("Mul", ["mean", "zero"], ["nothing"]))
    for name, values in outputs.items():
        weights.append(numpy_helper.from_array(values, f"{name}_found"))
        if values.dtype == np.float32:
            nodes.append(helper.make_node("Add", [f"{name}_found", "nothing"], [name]))
        else:
            nodes.append(helper.make_node("Identity", [f"{name}_found"], [name]))
    graph = helper.make_graph(
        nodes,
        "detector",
        [
            helper.make_tensor_value_info(name, TensorProto.INT64 if "sizes" in name else TensorProto.FLOAT, shape)
            for name, shape in inputs.items()
        ],
        [helper.make_tensor_value_info(name, types[values.dtype], values.shape) for name, values in outputs.items()],
        weights,
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9), path)
    return str(path)


def yolox_rows(decoded: bool) -> np.ndarray:
    """(1, 8400, 85) of a person and a chair, at the cells where their centres are; the image is 640 px wide already."""
    rows = np.zeros((8400, 85), np.float32)
    for box, kind in ((PERSON, 0), (CHAIR, 56)):
        x, y = (box[:2] + box[2:]) / 2
        column, row = int(x // 16), int(y // 16)
        index = 80 * 80 + row * 40 + column
        size = box[2:] - box[:2]
        if decoded:
            rows[index, :4] = [x, y, *size]
        else:
            rows[index, :4] = [x / 16 - column, y / 16 - row, *np.log(size / 16)]
        rows[index, 4] = 0.9
        rows[index, 5 + kind] = 0.8
    return rows[None]


def rtdetr_outputs() -> dict[str, np.ndarray]:
    return {
        "labels": np.array([[56, 0, 0]]),
        "boxes": np.array([[CHAIR, PERSON, PERSON + 300]], np.float32),
        "scores": np.array([[0.95, 0.9, 0.1]], np.float32),
    }


def logits_outputs() -> dict[str, np.ndarray]:
    boxes = [[*((box[:2] + box[2:]) / 2 / [640, 360]), *((box[2:] - box[:2]) / [640, 360])] for box in (CHAIR, PERSON)]
    logits = np.full((1, 2, 80), -6, np.float32)
    logits[0, 0, 56] = logits[0, 1, 0] = np.log(0.9 / 0.1)
    return {"logits": logits, "pred_boxes": np.array([boxes], np.float32)}


SIZES = {"images": ("N", 3, 640, 640), "orig_target_sizes": ("N", 2)}
LAYOUTS = {
    "yolox": ({"images": (1, 3, 640, 640)}, {"output": yolox_rows(False)}, 0.72),
    "yolox decoded": ({"images": (1, 3, 640, 640)}, {"output": yolox_rows(True)}, 0.72),
    "rtdetr": (SIZES, rtdetr_outputs(), 0.9),
    "rtdetr logits": ({"pixel_values": ("N", 3, "H", "W")}, logits_outputs(), 0.9),
}


@pytest.mark.parametrize(("inputs", "outputs", "score"), LAYOUTS.values(), ids=LAYOUTS)
def test_the_person_is_found_and_the_chair_is_not(tmp_path, inputs, outputs, score):
    detector = open_detector(save(tmp_path / "detector.onnx", inputs, outputs), 1)
    (found,) = detector(IMAGE)
    assert found.box == pytest.approx(PERSON, abs=0.01)
    assert found.score == pytest.approx(score, abs=1e-3)


class Seen:
    """An engine that keeps its inputs and finds nobody."""

    description = ""

    def __init__(self, **outputs: np.ndarray) -> None:
        self.outputs = outputs
        self.given: dict[str, np.ndarray] = {}

    def run(self, **arrays: np.ndarray) -> dict[str, np.ndarray]:
        self.given = arrays
        return self.outputs


def test_yolox_gets_the_image_in_its_own_shape_with_grey_below():
    engine = Seen(output=np.zeros((1, 8400, 85), np.float32))
    YoloX(engine, (640, 640))(IMAGE)
    given = engine.given["images"]
    assert given.dtype == np.float32
    assert np.array_equal(given[0, :, :360].transpose(1, 2, 0), IMAGE)  # BGR, 0..255
    assert (given[0, :, 360:] == 114).all()


def test_boxes_of_a_large_image_come_back_in_its_own_pixels(tmp_path):
    large = np.zeros((1440, 2560, 3), np.uint8)
    detector = open_detector(save(tmp_path / "d.onnx", *LAYOUTS["yolox"][:2]), 1)
    (found,) = detector(large)
    assert found.box == pytest.approx(PERSON * 4, abs=0.01)


def test_rtdetr_gets_the_image_stretched_and_told_its_size():
    engine = Seen(labels=np.zeros((1, 0)), boxes=np.zeros((1, 0, 4)), scores=np.zeros((1, 0)))
    image = np.zeros((360, 640, 3), np.uint8)
    image[:, :, 0], image[180:, :, 2] = 51, 255
    RtDetr(engine, (640, 640))(image)
    given = engine.given["images"][0]
    assert given.shape == (3, 640, 640)
    assert np.allclose(given[:, 600, 5], [1, 0, 0.2])  # RGB, the lower half red
    assert engine.given["orig_target_sizes"].tolist() == [[640, 360]]


def test_people_who_stand_close_are_kept_apart(tmp_path):
    close = np.array([[PERSON, PERSON + np.array([20, 0, 20, 0]), PERSON + 1]], np.float32)
    outputs = {"labels": np.zeros((1, 3), np.int64), "boxes": close, "scores": np.array([[0.9, 0.8, 0.7]], np.float32)}
    found = open_detector(save(tmp_path / "d.onnx", SIZES, outputs), 1)(IMAGE)
    assert [detection.score for detection in found] == pytest.approx([0.9, 0.8])


def test_a_file_of_no_known_layout_is_refused_with_those_that_are(tmp_path):
    path = save(tmp_path / "d.onnx", {"picture": (1, 3, 64, 64)}, {"things": np.zeros((1, 4), np.float32)})
    with pytest.raises(ModelError, match=r"not laid out as a known detector \(rtdetr, rtdetr_logits, yolox\)"):
        open_detector(path)


@pytest.mark.parametrize("layout", ["yolox", "rtdetr"])
def test_a_real_tensorrt_builds_them(tmp_path, layout):
    trt = pytest.importorskip("tensorrt_rtx")
    model = ModelFile.open(save(tmp_path / "detector.onnx", *LAYOUTS[layout][:2]))
    assert build_engine(trt, model.path, profiles_for(model), Progress(layout))
