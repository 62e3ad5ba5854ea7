"""Every shipped graph, parsed and built by a real TensorRT: tensorrt_rtx builds without a GPU."""

from __future__ import annotations

import logging
import types
from collections import Counter

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from metric_pose_ros.engines.building import BuildError, Progress, build_engine
from metric_pose_ros.engines.profiles import profiles_for
from metric_pose_ros.image_graph.half_precision import to_half
from metric_pose_ros.models import ModelFile, find_model

trt = pytest.importorskip("tensorrt_rtx")


class Steps(Progress):
    """Counts what it is told."""

    def __init__(self) -> None:
        super().__init__("model")
        self.counts: Counter[str] = Counter()

    def start(self, phase: str, steps: int) -> None:
        self.counts["start"] += 1
        super().start(phase, steps)

    def step(self, phase: str, number: int) -> None:
        self.counts["step"] += 1
        super().step(phase, number)

    def finish(self, phase: str) -> None:
        self.counts["finish"] += 1
        super().finish(phase)


@pytest.mark.parametrize("name", ["heavy", "fast", "movenet", "nanodet"])
def test_every_shipped_graph_is_built_with_all_profiles(name):
    model, progress = ModelFile.open(name), Steps()
    engine = build_engine(trt, model.path, profiles_for(model), progress)
    # Its weights are stored as fp16 in the file, so an engine is rarely smaller than half of it.
    assert len(engine) > model.path.stat().st_size / 2
    assert progress.counts["start"] == progress.counts["finish"] > 3
    assert progress.counts["step"] > 50


def test_a_graph_that_cannot_be_parsed_is_named_with_the_reason(tmp_path):
    path = tmp_path / "odd.onnx"
    graph = helper.make_graph(
        [helper.make_node("NoSuchOperator", ["x"], ["y"])],
        "odd",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1])],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9), path)
    with pytest.raises(BuildError, match=rf"tensorrt_rtx {trt.__version__} cannot read .*odd.onnx: .*NoSuchOperator"):
        build_engine(trt, path, (), Progress("odd"))


def test_sizes_that_do_not_fit_the_graph_are_an_error(tmp_path):
    model = ModelFile.open("nanodet")
    with pytest.raises((BuildError, ValueError)):
        build_engine(trt, model.path, profiles_for(ModelFile.open("movenet")), Progress("nanodet"))


def test_types_are_the_graphs_own(tmp_path):
    # Strongly typed: fp16 where the graph says so, and what differs in type is refused, not converted.
    for name, dtype, fits in (("same", np.float16, True), ("mixed", np.float32, False)):
        graph = helper.make_graph(
            [
                helper.make_node("Cast", ["x"], ["half"], to=TensorProto.FLOAT16),
                helper.make_node("Mul", ["half", "factor"], ["y"]),
            ],
            name,
            [helper.make_tensor_value_info("x", TensorProto.FLOAT, [4])],
            [helper.make_tensor_value_info("y", TensorProto.FLOAT16 if fits else TensorProto.FLOAT, [4])],
            [numpy_helper.from_array(np.full(4, 2, dtype), "factor")],
        )
        path = tmp_path / f"{name}.onnx"
        onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9), path)
        if fits:
            assert build_engine(trt, path, (), Progress(name))
        else:
            with pytest.raises(BuildError):
                build_engine(trt, path, (), Progress(name))


@pytest.mark.filterwarnings("ignore:.*Timing cache operations are no-ops in TensorRT-RTX.*:DeprecationWarning")
def test_timings_are_kept_for_the_next_build(tmp_path):
    model, timing = ModelFile.open("fast"), tmp_path / "timing.cache"
    build_engine(trt, model.path, profiles_for(model, (1,)), Progress("fast"), timing)
    assert timing.is_file()
    assert build_engine(trt, model.path, profiles_for(model, (1,)), Progress("fast"), timing)
    timing.write_bytes(b"of another GPU")
    assert build_engine(trt, model.path, profiles_for(model, (1,)), Progress("fast"), timing)


def test_progress_says_how_long_how_far_and_in_what_phase(caplog):
    caplog.set_level(logging.INFO)
    progress = Progress("metric_pose_heavy", seconds_before=210, every_s=0)
    progress.start("Building engine", 6)
    progress.start("Timing graph nodes", 40)
    progress.step("Timing graph nodes", 19)
    assert "building metric_pose_heavy: 0 of some 210 s, timing graph nodes 20/40" in caplog.messages[-1]
    progress.finish("Timing graph nodes")
    progress.step("Building engine", 0)
    assert "building engine 1/6" in caplog.messages[-1]
    caplog.clear()
    Progress("quiet", every_s=1000).start("Building engine", 6)
    assert caplog.messages == []


def test_explicit_batches_are_asked_for_where_they_must_be(monkeypatch):
    # TensorRT 10 has a flag for it, later ones do not; both get networks with strong types.
    asked = []

    class Builder:
        def __init__(self, log):
            pass

        def create_network(self, flags):
            asked.append(flags)
            raise BuildError("enough")

    for flags, expected in (({"STRONGLY_TYPED": 1}, 0b10), ({"EXPLICIT_BATCH": 0, "STRONGLY_TYPED": 1}, 0b11)):
        old = types.SimpleNamespace(
            __name__="tensorrt",
            ILogger=trt.ILogger,
            Builder=Builder,
            NetworkDefinitionCreationFlag=types.SimpleNamespace(**flags),
        )
        with pytest.raises(BuildError):
            build_engine(old, ModelFile.open("fast").path, (), Progress("fast"))
        assert asked[-1] == expected


@pytest.mark.parametrize(("half", "tf32"), [(True, False), (False, True)])
def test_what_a_half_precision_graph_leaves_in_fp32_is_not_rounded_to_tf32(half, tf32, tmp_path, monkeypatch):
    graph = onnx.load(find_model("fast"))
    if half:
        to_half(graph, kept=3)
    onnx.save(graph, tmp_path / "fast.onnx")
    used = []

    def refuse(builder, network, config):
        used.append(config.get_flag(trt.BuilderFlag.TF32))

    monkeypatch.setattr(trt.Builder, "build_serialized_network", refuse)
    with pytest.raises(BuildError):
        build_engine(trt, tmp_path / "fast.onnx", (), Progress("fast"))
    assert used == [tf32]
