"""An engine that fails is given fewer crops, then rests while the CPU works, and is tried again."""

from __future__ import annotations

import logging

import numpy as np
import pytest

from metric_pose_ros.engines import choice, open_engine
from metric_pose_ros.engines.enduring import EnduringEngine
from metric_pose_ros.engines.failures import EngineFailure, EngineOutOfMemory
from metric_pose_ros.engines.onnxruntime import OnnxRuntimeEngine
from metric_pose_ros.models import ModelFile
from test.fake_models import save_pose_model


class Doubling:
    """Gives each crop's number twice over; on a made-up GPU that has memory for so many crops, or is broken."""

    def __init__(self, name: str, on_gpu: bool = False) -> None:
        self.description, self.on_gpu = name, on_gpu
        self.memory, self.broken = 1000, False
        self.batches: list[int] = []

    def run(self, **arrays: np.ndarray) -> dict[str, np.ndarray]:
        count = len(arrays["crops"])
        self.batches.append(count)
        assert arrays["image"].shape == (5,)
        if self.broken:
            raise EngineFailure("illegal memory access\nat 0x1234")
        if count > self.memory:
            raise EngineOutOfMemory("out of memory")
        return {"doubled": 2 * arrays["crops"]}


class Watched:
    """An enduring engine with a clock of its own."""

    def __init__(self) -> None:
        self.gpu, self.cpu = Doubling("a GPU", on_gpu=True), Doubling("a CPU")
        self.seconds = 100.0
        self.opened = 0
        self.engine = EnduringEngine("pose", self.gpu, self._open, frozenset({"crops"}), lambda: self.seconds)

    def _open(self) -> Doubling:
        self.opened += 1
        return self.cpu

    def run(self, count: int) -> list[int]:
        """Batches that the GPU was given for so many crops; all crops must be answered."""
        self.gpu.batches.clear()
        crops = np.arange(count, dtype=np.float32)
        np.testing.assert_array_equal(self.engine.run(crops=crops, image=np.zeros(5))["doubled"], 2 * crops)
        return self.gpu.batches


@pytest.fixture
def watched() -> Watched:
    return Watched()


def test_what_works_is_left_alone(watched):
    assert watched.run(7) == [7]
    assert (watched.engine.description, watched.engine.trouble, watched.engine.on_gpu) == ("a GPU", "", True)
    assert watched.opened == 0


def test_with_little_memory_crops_come_in_parts_and_that_is_remembered_and_said_once(watched, caplog):
    watched.gpu.memory = 3
    assert watched.run(10) == [10, 5, 3, 3, 3, 1]
    assert watched.run(10) == [3, 3, 3, 1]
    assert watched.run(2) == [2]
    assert watched.engine.trouble == "pose is given at most 3 crops at once: out of memory"
    assert watched.engine.description == f"a GPU; {watched.engine.trouble}"
    assert [record.levelno for record in caplog.records] == [logging.WARNING] * 2  # at 5, and at 3
    assert watched.opened == 0


def test_memory_that_comes_back_is_used_again(watched, caplog):
    watched.gpu.memory = 3
    watched.run(6)
    watched.gpu.memory = 1000
    watched.seconds += 9
    assert watched.run(6) == [3, 3]
    watched.seconds += 2
    assert watched.run(3) == [3]  # no more than is known to work
    assert watched.engine.trouble
    assert watched.run(6) == [6]
    assert watched.engine.trouble == ""
    assert "pose works again as before: a GPU" in caplog.text


def test_a_gpu_that_fails_gives_way_to_the_cpu_in_the_same_frame(watched, caplog):
    watched.gpu.broken = True
    assert watched.run(4) == [4]
    assert watched.run(4) == []
    assert watched.engine.trouble == "pose runs on the CPU, since its engine failed: illegal memory access"
    assert watched.engine.description == f"a CPU; {watched.engine.trouble}"
    assert watched.opened == 1
    assert len(caplog.records) == 1


def test_so_does_one_without_memory_for_a_single_crop(watched):
    watched.gpu.memory = 0
    assert watched.run(3) == [3, 2, 1]
    assert watched.run(3) == []
    assert watched.engine.trouble.endswith("runs on the CPU, since its engine failed: out of memory")


def test_it_is_tried_again_after_pauses_that_grow(watched, caplog):
    watched.gpu.broken = True
    watched.run(1)
    tried = []
    for _ in range(100):
        watched.seconds += 1
        if watched.run(1):
            tried.append(watched.seconds - 100)
    assert tried == [10, 30, 70]
    assert len(caplog.records) == 1
    watched.gpu.broken = False
    watched.seconds += 80
    assert watched.run(2) == [2]
    assert (watched.engine.description, watched.engine.trouble) == ("a GPU", "")
    assert watched.run(2) == [2]


def test_a_gpu_that_comes_back_with_less_memory_is_used_as_far_as_it_goes(watched):
    watched.gpu.broken = True
    watched.run(4)
    watched.gpu.broken, watched.gpu.memory = False, 2
    watched.seconds += 11
    assert watched.run(4) == [4, 2, 2]
    assert watched.run(4) == [2, 2]
    assert watched.engine.trouble == "pose is given at most 2 crops at once: out of memory"


def test_nobody_to_look_at_needs_no_memory(watched):
    detector = EnduringEngine("detector", watched.gpu, watched._open, frozenset())
    watched.gpu.memory = 1
    assert len(detector.run(crops=np.zeros(1), image=np.zeros(5))["doubled"]) == 1
    watched.gpu.memory = 0
    assert len(detector.run(crops=np.zeros(1), image=np.zeros(5))["doubled"]) == 1
    assert detector.trouble.startswith("detector runs on the CPU")


def test_when_the_cpu_fails_as_well_both_are_told_and_the_next_frame_tries_again(watched):
    watched.gpu.broken = watched.cpu.broken = True
    with pytest.raises(EngineFailure, match=r"since its engine failed: illegal.*; and that fails as well: illegal"):
        watched.run(1)
    watched.cpu.broken = False
    assert watched.run(1) == []


@pytest.fixture
def opened(tmp_path, monkeypatch):
    """An engine as the node opens it where a GPU is, and the GPU's own."""
    path = save_pose_model(tmp_path / "pose.onnx")
    real = OnnxRuntimeEngine(path, 1)
    gpu = Doubling("TensorRT", on_gpu=True)
    gpu.run = lambda **arrays: real.run(**arrays)
    monkeypatch.setattr("metric_pose_ros.engines.open_best", lambda model, options: gpu)
    return open_engine(ModelFile.open(path), threads=1), gpu, path


def batch(count: int) -> dict[str, np.ndarray]:
    intrinsics = np.tile(np.diag([500.0, 500, 1]).astype(np.float32), (count, 1, 1))
    return {"crops": np.zeros((count, 3, 256, 256), np.float32), "intrinsics": intrinsics}


def broken(**arrays):
    raise EngineFailure("the GPU fell off the bus")


def test_the_cpu_runs_the_same_file(opened):
    engine, gpu, _ = opened
    expected = engine.run(**batch(2))
    gpu.run = broken
    found = engine.run(**batch(2))
    assert set(found) == set(expected)
    for name in expected:
        np.testing.assert_allclose(found[name], expected[name], rtol=1e-6)
    assert "ONNX Runtime" in engine.description


@pytest.mark.parametrize("change", ["replaced", "deleted"])
def test_a_model_file_that_was_replaced_or_deleted_meanwhile_is_not_run(opened, change):
    engine, gpu, path = opened
    gpu.run = broken
    content = path.read_bytes()
    if change == "replaced":
        save_pose_model(path, std_mm=50)
    else:
        path.unlink()
    with pytest.raises(EngineFailure, match=r"and that fails as well: .*pose\.onnx"):
        engine.run(**batch(1))
    path.write_bytes(content)
    assert len(engine.run(**batch(1))["relative"]) == 1


def test_an_engine_on_the_cpu_is_taken_as_it_is(tmp_path):
    model = ModelFile.open(save_pose_model(tmp_path / "pose.onnx"))
    assert isinstance(open_engine(model, "onnxruntime", 1), OnnxRuntimeEngine)
    assert isinstance(choice.open_spare(model, choice.Options(1)), OnnxRuntimeEngine)
