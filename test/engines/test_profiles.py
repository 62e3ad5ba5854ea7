"""Which sizes engines are built for."""

import pytest

from metric_pose_ros.engines.profiles import batched_inputs, batches_up_to, profiles_for
from metric_pose_ros.models import ModelError, ModelFile
from test.fake_models import save_pose_model


@pytest.fixture(scope="module")
def pose(tmp_path_factory) -> ModelFile:
    return ModelFile.open(save_pose_model(tmp_path_factory.mktemp("models") / "pose.onnx"))


def shapes(count: int) -> dict[str, tuple[int, ...]]:
    return {"crops": (count, 3, 256, 256), "intrinsics": (count, 3, 3)}


def test_every_number_of_people_up_to_the_most_is_in_exactly_one_profile(pose):
    profiles = profiles_for(pose, (1, 4, 16))
    for count in range(1, 17):
        assert [profile.hold(shapes(count)) for profile in profiles].count(True) == 1
    assert not any(profile.hold(shapes(count)) for profile in profiles for count in (0, 17))
    assert [profile.inputs["crops"].best[0] for profile in profiles] == [1, 4, 16]
    assert batched_inputs(pose) == {"crops", "intrinsics"}


def test_profiles_are_told_in_short(pose):
    assert str(profiles_for(pose, (1, 4))[1]) == (
        "crops=2x3x256x256..4x3x256x256..4x3x256x256 intrinsics=2x3x3..4x3x3..4x3x3"
    )


@pytest.mark.parametrize("batches", [(), (0, 4), (4, 1), (4, 4)])
def test_batches_must_grow(pose, batches):
    with pytest.raises(ValueError, match="expected growing numbers from 1 on"):
        profiles_for(pose, batches)


@pytest.mark.parametrize("size", [(224, 352), (352, 224), (480, 832), (832, 480), (832, 832), (32, 32), (640, 832)])
def test_movenet_takes_every_size_that_its_detector_makes(size):
    profiles = profiles_for(ModelFile.open("movenet"))
    assert any(profile.hold({"image": (1, *size, 3)}) for profile in profiles)
    near = profiles[0].hold({"image": (1, *size, 3)})
    assert near == (max(size) <= 352)


def test_nanodet_has_one_size():
    (profile,) = profiles_for(ModelFile.open("nanodet"))
    assert profile.hold({"image": (1, 3, 416, 416)})
    assert not profile.hold({"image": (1, 3, 320, 320)})
    assert batched_inputs(ModelFile.open("nanodet")) == frozenset()


def test_a_free_image_size_is_refused_with_what_to_do(pose):
    free = ModelFile(pose.path, "pose", {}, {"crops": ("N", 3, "H", "W")}, {})
    with pytest.raises(ModelError, match="only the first size may be free"):
        profiles_for(free)


@pytest.mark.parametrize(
    ("most", "batches"), [(1, (1,)), (3, (1, 3)), (4, (1, 4)), (10, (1, 4, 10)), (16, (1, 4, 16)), (100, (1, 4, 16))]
)
def test_batches_end_at_the_most_people_or_at_what_is_run_at_once(most, batches):
    assert batches_up_to(most) == batches


def test_nobody_at_all_is_refused():
    with pytest.raises(ValueError, match="at most 0 people were asked for"):
        batches_up_to(0)
