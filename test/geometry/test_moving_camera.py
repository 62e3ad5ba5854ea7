"""Where a moving camera is: what is asked of transforms, and which older one will do."""

from __future__ import annotations

import numpy as np
import pytest

from metric_pose_ros.geometry.frames import Frames, FramesError, NotYetKnownError
from metric_pose_ros.geometry.moving_camera import MovingCamera, newest


class Asked:
    """Notes what it is asked, and answers with it."""

    def now(self, *asked: object) -> tuple:
        return ("now", *asked)

    def at(self, *asked: object) -> tuple:
        return ("at", *asked)


def test_a_camera_is_asked_for_in_the_fixed_frame_at_the_images_time() -> None:
    camera = MovingCamera(Asked(), "odom", "lens", 0.05)  # type: ignore[arg-type]
    assert camera.now(3.5) == ("now", "odom", "lens", 3.5)
    assert camera.at(4.5) == ("at", "odom", "lens", 4.5, 0.05)


@pytest.fixture
def driving() -> Frames:
    """A camera that drives along x at 1 m/s from second 1 to second 2."""
    frames = Frames()
    for stamp in (1.0, 2.0):
        frames.add("odom", "lens", stamp, np.array([stamp, 0.0, 0.0]), np.array([1.0, 0.0, 0.0, 0.0]))
    return frames


@pytest.mark.parametrize(("stamp", "x"), [(1.0, 1.0), (1.25, 1.25), (2.0, 2.0), (2.4, 2.0), (2.5, 2.0)])
def test_up_to_half_a_second_late_the_newest_transform_will_do(driving: Frames, stamp: float, x: float) -> None:
    np.testing.assert_allclose(newest(driving, "odom", "lens", stamp)[:3, 3], [x, 0, 0], atol=1e-12)
    np.testing.assert_allclose(newest(driving, "lens", "odom", stamp)[:3, 3], [-x, 0, 0], atol=1e-12)


def test_an_older_transform_says_nothing(driving: Frames) -> None:
    with pytest.raises(NotYetKnownError) as error:
        newest(driving, "odom", "lens", 2.6)
    assert error.value.newest_s == 2.0


def test_frames_that_are_not_connected_are_no_matter_of_time(driving: Frames) -> None:
    with pytest.raises(FramesError, match="no transforms connect"):
        newest(driving, "map", "lens", 1.5)
