"""Tables of the domain gap from witnesses whose errors are known by hand."""

import numpy as np
import pytest

from metric_pose_ros import Camera
from test.training.domain_gap.test_measures import joint, man
from training.domain_gap.clips import Clip
from training.domain_gap.courses import Course
from training.domain_gap.score import tables
from training.domain_gap.sheet import draw_sheet
from training.domain_gap.witnesses import MEDIAPIPE, TRUTH, Seen

CAMERA = Camera(np.array([[500.0, 0, 320], [0, 500, 240], [0, 0, 1]]), np.zeros(5), "plumb_bob", 640, 480)
FRAMES = 12


def px(poses: np.ndarray) -> np.ndarray:
    return CAMERA.project(poses.reshape(-1, 3)).reshape(*poses.shape[:2], 2)


def walk() -> np.ndarray:
    return man(FRAMES) + np.array([0.0, 0.9, 0.0]) + 0.02 * np.arange(FRAMES)[:, None, None]


def room(truth: np.ndarray | None, name: str = "room front") -> Clip:
    picture = np.full((480, 640, 3), 90, np.uint8)
    boxes = np.tile([200.0, 100, 440, 400], (FRAMES, 1))
    return Clip(name, CAMERA, 30.0, lambda: iter([picture] * FRAMES), [Course(0, boxes)], truth)


def test_a_witness_that_knows_the_truth_makes_no_error_and_one_that_is_off_makes_its_own():
    truth = walk()
    bent = truth.copy()
    bent[:, joint("left_wrist"), 0] += 0.12
    further = 1.1 * bent
    std = np.full((FRAMES, 17, 3), 0.02)
    told = {
        "knows": [Seen(px(truth), truth, std, truth)],
        "errs": [Seen(px(further), further, std, further)],
        MEDIAPIPE: [Seen(px(truth), truth, sure=np.ones((FRAMES, 17), bool))],
        TRUTH: [Seen(px(truth), truth)],
    }
    stereo, itself, *_ = tables([room(truth)], [told])
    assert list(stereo.rows) == ["knows", "errs", MEDIAPIPE]
    knows, errs = stereo.rows["knows"], stereo.rows["errs"]
    assert knows["mpjpe"] == knows["position"] == pytest.approx(0, abs=1e-9)
    assert knows["within_one_std"] == knows["pck_truth"] == knows["saw"] == 100
    assert errs["position"] == pytest.approx(10)
    assert errs["nearer"] == pytest.approx(10)
    assert errs["within_two_std"] < 100
    hips = [joint("left_hip"), joint("right_hip")]
    apart = (further - further[:, hips].mean(axis=1)[:, None]) - (truth - truth[:, hips].mean(axis=1)[:, None])
    assert errs["mpjpe"] == pytest.approx(1000 * np.linalg.norm(apart[:, 5:], axis=-1).mean())
    assert itself.rows["knows"]["pck_mediapipe"] == 100
    # One of 17 joints is 0.12 m off, more than a fifth of the torso's 0.52 m.
    assert itself.rows["errs"]["pck_mediapipe"] == pytest.approx(100 * 16 / 17)
    assert itself.rows["knows"]["jitter"] == pytest.approx(0, abs=1e-6)
    assert np.isnan(itself.rows[MEDIAPIPE]["jitter_smooth"])


def test_whoever_looks_at_somebody_else_is_told_apart_from_whoever_is_wrong():
    truth = walk()
    beside = truth.copy()
    beside[: FRAMES // 3] += np.array([1.0, 0, 0])
    beside[: FRAMES // 3, joint("left_wrist"), 1] += 0.6
    told = {"model": [Seen(px(beside), beside)], TRUTH: [Seen(px(truth), truth)]}
    row = tables([room(truth)], [told])[0].rows["model"]
    assert row["saw"] == pytest.approx(100 * 2 / 3)
    assert row["mpjpe_saw"] == pytest.approx(0, abs=1e-9)
    assert row["mpjpe"] == pytest.approx(600 / 12 / 3)


def test_clips_without_a_truth_say_nothing_of_positions(tmp_path):
    told = {"model": [Seen(px(walk()), walk())]}
    stereo, itself, views, clips = tables([room(None, "street")], [told])
    assert stereo.rows == views.rows == {}
    assert itself.rows["model"]["height"] == pytest.approx(1.8)
    assert list(clips.rows) == ["model, street (30 Hz)"]
    draw_sheet([room(None, "street")], [told], tmp_path / "sheet.png")
    assert (tmp_path / "sheet.png").stat().st_size > 1000
