"""An estimator for tests: the real stream, with networks that see a standing person in a bright figure on black."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from metric_pose_ros.cameras import CamerasEstimator
from metric_pose_ros.estimator import PoseEstimator
from metric_pose_ros.geometry.camera import Camera
from metric_pose_ros.people import Detection
from metric_pose_ros.settings import Settings, camera_names
from test.fake_models import STANDING_MM, save_pose_model
from test.test_stream import SeesBrightFigure

MIDDLE_M = (STANDING_MM.min(axis=0) + STANDING_MM.max(axis=0)) / 2000
"""Of the figure's head and feet, from its pelvis."""
HALF_M = np.ptp(STANDING_MM, axis=0) / 2000


def draw(camera: Camera, pose: np.ndarray, pelvis: np.ndarray) -> np.ndarray:
    """The image that a camera takes of a figure.

    Args:
        camera: without distortion.
        pose: (4, 4) from the camera to where `pelvis` is.
        pelvis: (3,) metres; the figure stands upright if the camera is level, and faces it.
    """
    place = (np.linalg.inv(pose) @ [*pelvis, 1.0])[:3] + np.array([0.0, MIDDLE_M[1], 0.0])
    corners = camera.project(place + np.array([[-HALF_M[0], -HALF_M[1], 0], [HALF_M[0], HALF_M[1], 0]]))
    image = np.full((camera.height, camera.width, 3), 30, np.uint8)
    (x1, y1), (x2, y2) = np.clip(np.round(corners).astype(int), 0, [camera.width, camera.height])
    image[y1:y2, x1:x2] = 255
    return image


def _detect(image: np.ndarray) -> list[Detection]:
    rows, columns = np.nonzero(image[..., 0] > 128)
    if not len(rows):
        return []
    return [Detection(np.array([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1], float), 0.9)]


def open_figure(settings: Settings) -> Any:
    """What the node opens instead of its networks."""
    model = save_pose_model(Path(tempfile.mkdtemp()) / "pose.onnx")
    estimator = PoseEstimator(model=str(model), detector=_detect, threads=1)
    estimator._looking.network = SeesBrightFigure()  # type: ignore[assignment]
    return CamerasEstimator(estimator, camera_names(settings), settings.detection_interval)
