"""The pose network: what comes out by name, and confidence against a simulation."""

import numpy as np
import pytest
import scipy.stats

from metric_pose_ros.engines.onnxruntime import OnnxRuntimeEngine
from metric_pose_ros.models import ModelFile
from metric_pose_ros.pose_network import PoseNetwork, probability_within
from test.fake_models import STANDING_MM, save_pose_model


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return ModelFile.open(save_pose_model(tmp_path_factory.mktemp("models") / "pose.onnx", std_mm=40))


def crops(count: int) -> tuple[np.ndarray, np.ndarray]:
    intrinsics = np.tile(np.array([[500.0, 0, 127.5], [0, 500, 127.5], [0, 0, 1]]), (count, 1, 1))
    return np.zeros((count, 3, 256, 256), np.float32), intrinsics


def test_the_pose_comes_out_as_the_model_gives_it(model):
    poses = PoseNetwork(OnnxRuntimeEngine(model.path), model.pose_info())(*crops(2))
    assert poses.absolute.shape == poses.relative.shape == poses.std.shape == (2, 30, 3)
    assert poses.joints2d.shape == (2, 30, 2)
    moved = poses.absolute[1] - poses.absolute[1, 0]
    assert np.abs(moved - (STANDING_MM - STANDING_MM[0])).max() < 1e-2
    assert (poses.std == 40).all()


@pytest.mark.parametrize("std", [20.0, 60.0, 150.0, 400.0])
def test_confidence_is_the_maxwell_distribution_where_all_axes_are_equally_sure(std):
    expected = scipy.stats.maxwell.cdf(150, scale=std)
    assert probability_within(150, np.full((1, 3), std))[0] == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("std", [(20.0, 25.0, 80.0), (50.0, 60.0, 150.0), (10.0, 10.0, 300.0)])
def test_confidence_is_close_to_a_simulation_where_depth_is_less_sure(std):
    errors = np.random.default_rng(0).normal(0, std, (200_000, 3))
    simulated = (np.linalg.norm(errors, axis=1) < 150).mean()
    assert probability_within(150, np.array([std]))[0] == pytest.approx(simulated, abs=0.03)


def test_confidence_stays_between_0_and_1_for_extreme_deviations():
    confidence = probability_within(150, np.array([[0.0, 0, 0], [1e-12, 0, 0], [1e9, 1e9, 1e9]]))
    assert confidence == pytest.approx([1, 1, 0])


class Says:
    """An engine that gives the same whatever it is given."""

    description, on_gpu = "a test", False

    def __init__(self, **outputs: np.ndarray) -> None:
        self.outputs = outputs

    def run(self, **inputs: np.ndarray) -> dict[str, np.ndarray]:
        return self.outputs


@pytest.mark.parametrize(
    ("name", "shape"),
    [("std", (1, 30, 3)), ("std", (2, 1, 3)), ("absolute", (2, 30, 2)), ("joints2d", (2, 2)), ("relative", (3, 30, 3))],
)
@pytest.mark.parametrize("skeleton", [None, "h36m_17"])
def test_outputs_of_another_shape_than_promised_are_refused(model, name, shape, skeleton):
    outputs = {each: np.zeros((2, 30, 3)) for each in ("relative", "absolute", "std")} | {
        "joints2d": np.zeros((2, 30, 2))
    }
    info = model.pose_info(skeleton)
    assert PoseNetwork(Says(**outputs), info)(*crops(2)).absolute.shape == (2, len(info.skeleton), 3)
    with pytest.raises(ValueError, match=f"fake_pose gives {name} of shape .* export it again"):
        PoseNetwork(Says(**outputs | {name: np.zeros(shape)}), info)(*crops(2))
