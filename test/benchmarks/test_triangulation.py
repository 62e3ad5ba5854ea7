from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from metric_pose_ros import Camera
from metric_pose_ros.demo.clip import View
from metric_pose_ros.demo.truth import at_frames
from test.benchmarks.triangulation import Rig, refine, sights, triangulate

CENTRES = np.array([[3.0, 0.0, 1.5], [0.0, 3.5, 1.8], [-3.0, 0.5, 1.6], [0.5, -3.2, 1.4]])
DELAYS = np.array([0.0, 0.6, -0.4, 0.3])
CAMERA = Camera(np.array([[1600.0, 0, 540], [0, 1600, 960], [0, 0, 1]]), np.zeros(5), "plumb_bob", 1080, 1920)


def walk(frames: int = 40) -> np.ndarray:
    """(frames, 17, 3) m: a body that moves, bends and turns about the middle of the room."""
    random = np.random.default_rng(3)
    body = random.normal(0, [0.25, 0.25, 0.45], (17, 3)) + np.array([0, 0, 1])
    speeds = random.normal(0, 0.01, (17, 3))
    moments = np.arange(frames)[:, None, None]
    return body + speeds * moments + 0.2 * np.sin(moments / 6 + np.arange(17)[:, None])


def facing(centre: np.ndarray) -> np.ndarray:
    """(3, 3) of a camera at `centre` that looks at the middle of the room, 1 m above the floor."""
    ahead = np.array([0, 0, 1.0]) - centre
    ahead /= np.linalg.norm(ahead)
    right = np.cross(ahead, [0, 0, 1.0])
    right /= np.linalg.norm(right)
    return np.stack([right, np.cross(ahead, right), ahead])


@pytest.fixture(scope="module")
def filmed() -> tuple[np.ndarray, list[np.ndarray], list[dict[str, np.ndarray]]]:
    """The walk, the cameras' true rotations, and what two detectors saw with a pixel of noise and some nonsense."""
    random = np.random.default_rng(5)
    truth, rotations, observed = walk(), [facing(centre) for centre in CENTRES], []
    for rotation, centre, delay in zip(rotations, CENTRES, DELAYS, strict=True):
        there = at_frames(truth, np.arange(len(truth)) + delay)
        clean = CAMERA.project(((there - centre) @ rotation.T).reshape(-1, 3)).reshape(-1, 17, 2)
        seen = {}
        for detector in ("movenet", "mediapipe"):
            joints = np.concatenate([clean + random.normal(0, 1, clean.shape), np.full((len(clean), 17, 1), 0.9)], -1)
            wrong = random.random(joints.shape[:2]) < 0.05
            joints[wrong, :2] += random.normal(0, 80, (wrong.sum(), 2))
            seen[detector] = joints
        observed.append(seen)
    return truth, rotations, observed


def views(rotations: list[np.ndarray]) -> list[View]:
    return [
        View(f"cam{i}", CAMERA, R, -R @ centre) for i, (R, centre) in enumerate(zip(rotations, CENTRES, strict=True))
    ]


def test_rays_of_known_cameras_meet_where_the_joints_are(filmed: tuple) -> None:
    truth, rotations, observed = filmed
    rig = Rig(np.stack(rotations), CENTRES, DELAYS)
    points, _, _ = triangulate(rig, sights(views(rotations), observed))
    inner = slice(2, -2)  # at the ends a clock that is late has no frame
    assert np.median(np.linalg.norm(points - truth, axis=-1)[inner]) < 0.003


def test_turned_cameras_and_late_clocks_are_found(filmed: tuple) -> None:
    truth, rotations, observed = filmed
    random = np.random.default_rng(7)
    shipped = [Rotation.from_rotvec(np.radians(random.normal(0, 0.7, 3))).as_matrix() @ R for R in rotations]
    seen = sights(views(shipped), observed)
    before, _, _ = triangulate(Rig(np.stack(shipped), CENTRES, np.zeros(4)), seen)
    rig = refine(views(shipped), seen)
    after, _, _ = triangulate(rig, seen)
    turned = [Rotation.from_matrix(a @ b.T).magnitude() for a, b in zip(rig.rotations, rotations, strict=True)]
    assert np.degrees(turned).max() < 0.1
    np.testing.assert_allclose(rig.delays, DELAYS, atol=0.1)
    inner = slice(2, -2)
    assert np.median(np.linalg.norm(before - truth, axis=-1)[inner]) > 0.015
    assert np.median(np.linalg.norm(after - truth, axis=-1)[inner]) < 0.006
