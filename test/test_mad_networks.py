"""Whatever a network says, a person who is reported is before the camera, within sight, and all numbers."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from metric_pose_ros.geometry.camera import Camera
from metric_pose_ros.people import Person
from test.fuzz import fake_network
from test.fuzz.finite import assert_real

CAMERA = Camera.from_fov(64, 48, 60)
IMAGE = np.zeros((48, 64, 3), np.uint8)
BOX = np.array([[20.0, 4.0, 40.0, 44.0]])


def people(
    change: Callable[[dict[str, np.ndarray]], None],
    camera: Camera = CAMERA,
    box: np.ndarray = BOX,
    calibrated: bool = True,
) -> list[Person]:
    """Who is found by a network that sees a standing person, and says so with a change."""

    def run(crops: np.ndarray, intrinsics: np.ndarray) -> dict[str, np.ndarray]:
        outputs = {name: np.array(values) for name, values in fake_network.standing(crops, intrinsics).items()}
        change(outputs)
        return outputs

    return fake_network.estimator(run, calibrated=calibrated).estimate(IMAGE, camera, box)


def test_a_network_in_its_right_mind_finds_somebody() -> None:
    (person,) = people(lambda outputs: None)
    assert_real(person)
    # 1.68 m are four fifths of a crop 1.25 times as high as the box, 40 px of a camera with a focal length of 55 px.
    assert person.position[2] == pytest.approx(55.4 * 1.68 / 40, rel=0.05)


@pytest.mark.parametrize("output", ["joints2d", "absolute", "std"])
@pytest.mark.parametrize("number", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("joint", [0, slice(None)])
def test_what_is_no_number_is_nobody(output: str, number: float, joint: int | slice) -> None:
    def change(outputs: dict[str, np.ndarray]) -> None:
        outputs[output][:, joint] = number

    assert people(change) == []


@pytest.mark.parametrize("scale", [-1.0, 0.0, 1e-6, 1e6, 1e30])
def test_a_pose_behind_the_camera_in_it_or_beyond_the_horizon_is_nobody(scale: float) -> None:
    def change(outputs: dict[str, np.ndarray]) -> None:
        outputs["absolute"] *= scale

    assert people(change) == []
    assert people(change, calibrated=False) == []


@pytest.mark.parametrize("std", [0.0, -40.0, 1e12, 1e37])
def test_uncertainty_stays_a_number(std: float) -> None:
    def change(outputs: dict[str, np.ndarray]) -> None:
        outputs["std"][:, 5:9] = std

    for person in people(change):
        assert_real(person)
        assert np.isfinite(np.float32(person.std) ** 2).all()
        assert person.std.max() <= 1000 * np.sqrt(3)


def test_a_limb_behind_the_plane_of_a_wide_lens_is_nobody() -> None:
    # At the edge of 140 degrees a hand that points back lies behind the image's plane, though before the crop's. The
    # joints in the image do not give that away: they say that everything is in the box.
    def change(outputs: dict[str, np.ndarray]) -> None:
        outputs["absolute"][..., 2] += 800 - outputs["absolute"][..., 2].mean()

    (shown,) = people(change, Camera.from_fov(64, 48, 60))
    assert_real(shown)
    edge = np.array([[52.0, 14.0, 63.5, 34.0]])
    assert people(change, Camera.from_fov(64, 48, 140), edge) == []
