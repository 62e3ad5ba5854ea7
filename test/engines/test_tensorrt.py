"""The order in which TensorRT and the GPU are told what to do, with stand-ins that do it."""

from __future__ import annotations

import threading
import types

import numpy as np
import pytest

from metric_pose_ros.engines.failures import EngineFailure, EngineOutOfMemory
from metric_pose_ros.engines.profiles import Profile, Sizes
from metric_pose_ros.engines.tensorrt import TensorRTEngine
from test.engines.fake_gpu import FakeContext, FakeDevice, FakeEngine, fake_tensorrt

BIAS = Sizes((3,), (3,), (3,))
PROFILES = (
    Profile({"values": Sizes((1, 3), (4, 3), (4, 3)), "bias": BIAS}),
    Profile({"values": Sizes((5, 3), (16, 3), (16, 3)), "bias": BIAS}),
)


@pytest.fixture
def device() -> FakeDevice:
    return FakeDevice()


def engine_on(device: FakeDevice) -> TensorRTEngine:
    trt = fake_tensorrt(device, FakeEngine(device))
    made = TensorRTEngine(trt, b"engine", PROFILES, frozenset({"values"}), device)  # type: ignore[arg-type]
    device.calls.clear()
    return made


def inputs(count: int, seed: int = 0) -> dict[str, np.ndarray]:
    return {
        "values": np.random.default_rng(seed).random((count, 3)).astype(np.float32),
        "bias": np.array([1, 2, 250], np.uint8),
    }


def expected(arrays: dict[str, np.ndarray]) -> np.ndarray:
    return arrays["values"].sum(axis=1) + 253


def test_the_first_run_of_a_size_is_done_then_recorded_and_later_ones_are_replayed(device):
    engine = engine_on(device)
    for seed in range(3):
        arrays = inputs(3, seed)
        assert np.allclose(engine.run(**arrays)["total"], expected(arrays))
    once = ["upload", "upload", "execute 0", "download"]
    assert device.calls == [*once, "wait", "record", *once, "wait", "replay", "wait", "replay", "wait"]


def test_every_batch_size_has_its_own_recording_and_the_profile_that_holds_it(device):
    engine = engine_on(device)
    for count in (1, 4, 5, 16, 4, 1):
        arrays = inputs(count)
        total = engine.run(**arrays)["total"]
        assert total.shape == (count,)
        assert np.allclose(total, expected(arrays))
    assert [call for call in device.calls if call.startswith("execute")] == ["execute 0"] * 4 + ["execute 1"] * 4
    assert len(device.graphs) == 4


def test_a_larger_batch_is_run_in_parts_and_the_rest_goes_to_every_part(device):
    engine = engine_on(device)
    arrays = inputs(37)
    assert np.allclose(engine.run(**arrays)["total"], expected(arrays))
    assert len(device.graphs) == 2  # of 16, twice, and of 5


def test_results_belong_to_the_caller(device):
    engine = engine_on(device)
    first = engine.run(**inputs(2, 1))["total"]
    kept = first.copy()
    engine.run(**inputs(2, 2))
    assert np.array_equal(first, kept)


def test_what_cannot_be_recorded_is_run_step_by_step(device):
    device.refuses_to_record = True
    engine = engine_on(device)
    for seed in range(2):
        arrays = inputs(3, seed)
        assert np.allclose(engine.run(**arrays)["total"], expected(arrays))
    assert "replay" not in device.calls


def test_an_engine_that_says_so_is_not_recorded(device, monkeypatch):
    monkeypatch.setattr(FakeContext, "is_stream_capturable", lambda self, stream: False, raising=False)
    engine = engine_on(device)
    arrays = inputs(3)
    assert np.allclose(engine.run(**arrays)["total"], expected(arrays))
    assert "record" not in device.calls


def test_threads_take_turns_and_each_makes_the_gpu_its_own(device):
    engine = engine_on(device)
    before, wrong = device.current, []

    def work(seed: int) -> None:
        for _ in range(20):
            arrays = inputs(1 + seed, seed)
            if not np.allclose(engine.run(**arrays)["total"], expected(arrays)):
                wrong.append(seed)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert device.current - before == 80


def test_wrong_inputs_are_named_with_what_was_expected(device):
    engine = engine_on(device)
    with pytest.raises(ValueError, match="inputs values were given, expected values, bias"):
        engine.run(values=inputs(1)["values"])
    with pytest.raises(ValueError, match="input values has type float64, expected float32"):
        engine.run(**{**inputs(1), "values": np.zeros((1, 3))})
    with pytest.raises(ValueError, match=r"values \[1, 4\], bias \[3\] was given, but the engine is built for bias=3"):
        engine.run(**{**inputs(1), "values": np.zeros((1, 4), np.float32)})


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        (
            "[executionContext.cpp::enqueueV3] Error Code 2: OutOfMemory (Requested size was 9 bytes.)",
            EngineOutOfMemory,
        ),
        ("[genericReformat.cu::copy] Error Code 1: Cuda Runtime (out of memory)", EngineOutOfMemory),
        ("[myelin.cpp::execute] Error Code 1: Myelin (illegal memory access)", EngineFailure),
    ],
)
def test_a_network_that_does_not_start_says_why_and_may_do_so_the_next_time(device, said, kind):
    engine = engine_on(device)
    device.refuses_to_run_because = said
    with pytest.raises(EngineFailure, match=r"the network did not start; TensorRT says: .*Error Code") as caught:
        engine.run(**inputs(3))
    assert type(caught.value) is kind
    device.refuses_to_run_because = None
    assert np.allclose(engine.run(**inputs(2))["total"], expected(inputs(2)))


def test_an_output_whose_size_nobody_knows_is_refused_before_the_first_image(device, monkeypatch):
    monkeypatch.setattr(FakeContext, "get_tensor_shape", lambda self, name: (-1, 6))
    with pytest.raises(ValueError, match="the size of output total depends on what is seen"):
        engine_on(device)


def test_an_engine_that_this_gpu_cannot_run_is_an_error_that_names_it(device):
    with pytest.raises(ValueError, match=r"cannot run this engine on Fake GPU \(compute capability 9.9\)"):
        TensorRTEngine(fake_tensorrt(device, None), b"", PROFILES, frozenset(), device)  # type: ignore[arg-type]


def test_the_network_alone_is_timed_without_copies(device):
    engine = engine_on(device)
    engine.run(**inputs(3))
    device.calls.clear()
    assert engine.network_seconds(5, **inputs(3)) == pytest.approx(0.3)
    timed = device.calls[device.calls.index("record") :]
    assert timed == ["record", "execute 0", *["replay"] * 10]
    assert len(device.graphs) == 1  # the timing's own is given back


def test_closing_gives_everything_back(device):
    engine = engine_on(device)
    engine.run(**inputs(3))
    engine.close()
    assert device.memory == {}
    assert device.graphs == {}
    assert device.pinned == 0
    assert device.calls[-1] == "end"


def test_the_description_names_library_gpu_and_reason(device):
    assert engine_on(device).description == "TensorRT 10.3.0 on Fake GPU (asked for)"


def test_compiled_kernels_are_loaded_kept_and_chosen_before_recording(device, tmp_path, monkeypatch):
    # tensorrt_rtx compiles when an engine runs; what it compiled goes through a file to the next start.
    class Kernels:
        def __init__(self):
            self.content = b""

        def deserialize(self, content):
            self.content = content
            return True

        def serialize(self):
            return self.content + b"compiled,"

    class Config:
        dynamic_shapes_kernel_specialization_strategy = "lazy"

        def create_runtime_cache(self):
            return Kernels()

        def set_runtime_cache(self, cache):
            self.cache = cache

    configs = []

    def create_execution_context(engine, config):
        configs.append(config)
        return FakeContext(device)

    monkeypatch.setattr(FakeEngine, "create_runtime_config", lambda engine: Config(), raising=False)
    monkeypatch.setattr(FakeEngine, "create_execution_context", create_execution_context)
    trt = fake_tensorrt(device, FakeEngine(device))
    trt.DynamicShapesKernelSpecializationStrategy = types.SimpleNamespace(EAGER="eager")
    for expected_content in (b"compiled,", b"compiled,compiled,"):
        engine = TensorRTEngine(trt, b"", PROFILES, frozenset({"values"}), device, "asked for", tmp_path / "k.kernels")
        engine.run(**inputs(2))
        assert (tmp_path / "k.kernels").read_bytes() == expected_content
    assert {config.dynamic_shapes_kernel_specialization_strategy for config in configs} == {"eager"}
