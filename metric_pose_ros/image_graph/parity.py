"""Whether the graph from an image to joints finds people where the model file does that it is made from."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime

from metric_pose_ros.geometry.camera import Camera
from metric_pose_ros.geometry.crop import Crop, look_at, sample
from metric_pose_ros.models import METADATA_KEY

Floats = npt.NDArray[np.floating]

MOST_RELATIVE_MM = 2.0
MOST_DISTANCE = 0.003
CAMERA = Camera.from_fov(1280, 720, 70)
_PLACES_M = ((-0.7, 0.1, 2.2), (0.9, 0.0, 3.4), (0.2, 0.1, 6.0))
_HEAD_M = (0.0, -0.64, -0.03)
_LIMBS_M = (
    ((0.0, 0.0, 0.0), (0.0, -0.52, 0.01)),
    ((-0.18, -0.47, 0.01), (0.18, -0.47, 0.01)),
    ((-0.10, 0.02, 0.0), (0.10, 0.02, 0.0)),
    *(
        ((side * x1, y1, z1), (side * x2, y2, z2))
        for side in (-1, 1)
        for (x1, y1, z1), (x2, y2, z2) in (
            ((0.18, -0.47, 0.01), (0.38, -0.35, -0.02)),
            ((0.38, -0.35, -0.02), (0.52, -0.55, -0.08)),
            ((0.09, 0.02, 0.0), (0.10, 0.42, -0.02)),
            ((0.10, 0.42, -0.02), (0.105, 0.83, 0.02)),
            ((0.105, 0.83, 0.02), (0.12, 0.89, -0.11)),
        )
    ),
)  # fmt: skip
"""A person upright with raised arms, from the pelvis, y down: ends of tubes."""
_THICK_M = 0.11


@dataclass(frozen=True)
class Parity:
    """How much two ways from an image to joints differ, of the person of whom they differ most.

    Attributes:
        relative_mm: mean over the joints, with their mean aligned.
        distance: of the mean joint from the camera, as a share.
    """

    relative_mm: float
    distance: float

    @property
    def good(self) -> bool:
        """Whether it is within what is promised."""
        return self.relative_mm <= MOST_RELATIVE_MM and self.distance <= MOST_DISTANCE

    def __str__(self) -> str:
        return (
            f"joints {self.relative_mm:.2f} mm apart (at most {MOST_RELATIVE_MM:g}), distances "
            f"{100 * self.distance:.3f} % (at most {100 * MOST_DISTANCE:g})"
        )

    @classmethod
    def between(cls, found: dict[str, npt.NDArray], expected: dict[str, npt.NDArray]) -> Parity:
        """Of outputs ``relative`` and ``absolute``, (N, J, 3) mm."""
        apart, off = differences(found, expected)
        return cls(float(apart.mean(axis=1).max()), float(off.max()))


def differences(found: dict[str, npt.NDArray], expected: dict[str, npt.NDArray]) -> tuple[Floats, Floats]:
    """Of outputs ``relative`` and ``absolute``, (N, J, 3) mm.

    Returns:
        (N, J) mm between joints, with their mean aligned; (N,) between the mean joints' distances, as a share.
    """
    poses = [each["relative"] - each["relative"].mean(axis=1, keepdims=True) for each in (found, expected)]
    distances = [np.linalg.norm(each["absolute"].mean(axis=1), axis=-1) for each in (found, expected)]
    return np.linalg.norm(poses[0] - poses[1], axis=-1), np.abs(distances[0] / distances[1] - 1)


def compare(pose: bytes, graph: bytes) -> Parity:
    """How much a model file, on crops that the CPU cuts, and its graph from the image differ on drawn people.

    Both run in ONNX Runtime on the CPU, which computes fp16 convolutions in fp32: what a GPU rounds off is not in it.

    Args:
        pose: content of the model file.
        graph: content of the graph's file.
    """
    session = _session(pose)
    image, crops, arrays = _drawn(
        int(json.loads(session.get_modelmeta().custom_metadata_map[METADATA_KEY])["crop_side"])
    )
    homographies = np.stack([CAMERA.K @ crop.rotation.T @ np.linalg.inv(crop.K) for crop in crops])
    expected = _run(session, arrays)
    return Parity.between(run(graph, image, homographies, arrays["intrinsics"]), expected)


def run(
    graph: bytes | str, image: npt.NDArray[np.uint8], homographies: Floats, intrinsics: Floats
) -> dict[str, npt.NDArray[Any]]:
    """Runs a graph from an image to joints in ONNX Runtime on the CPU, for checks.

    Args:
        graph: content or path of the file.
        image: (H, W, 3) BGR.
        homographies: (N, 3, 3) from crop to image px.
        intrinsics: (N, 3, 3) of the crops.
    """
    arrays: dict[str, npt.NDArray] = {
        "image": image,
        "homographies": homographies.astype(np.float32),
        "intrinsics": intrinsics.astype(np.float32),
    }
    return _run(_session(graph), arrays)


def drawn_crops(pose: onnx.ModelProto) -> dict[str, npt.NDArray]:
    """Inputs ``crops`` and ``intrinsics`` of an exported model that show `drawn_people`."""
    said = next(entry.value for entry in pose.metadata_props if entry.key == METADATA_KEY)
    return _drawn(int(json.loads(said)["crop_side"]))[2]


def _drawn(side: int) -> tuple[npt.NDArray[np.uint8], list[Crop], dict[str, npt.NDArray]]:
    """The image of `drawn_people`, crops of such a side, and a network's inputs."""
    image, boxes = drawn_people()
    crops = [look_at(CAMERA, box, side) for box in boxes]
    batch = np.zeros((len(crops), 3, side, side), np.float32)
    sample(image, CAMERA, crops, batch)
    return image, crops, {"crops": batch, "intrinsics": np.stack([crop.K for crop in crops]).astype(np.float32)}


def drawn_people() -> tuple[npt.NDArray[np.uint8], Floats]:
    """What `CAMERA` sees of three people of tubes before a mottled wall, and their (3, 4) boxes, xyxy px: what a
    network takes for people, and no photograph that would have to be shipped."""
    random = np.random.default_rng(4)
    grain = random.integers(90, 180, (24, 42, 3)).astype(np.uint8)
    image = cv2.resize(grain, (CAMERA.width, CAMERA.height), interpolation=cv2.INTER_CUBIC)
    boxes = []
    for number, place in enumerate(_PLACES_M):
        points = CAMERA.project(np.array([*np.reshape(_LIMBS_M, (-1, 3)), _HEAD_M]) + place)
        px_per_m = CAMERA.K[0, 0] / place[2]
        for index, ends in enumerate(points[:-1].reshape(-1, 2, 2)):
            colour = [(40, 60, 160), (150, 80, 40), (120, 150, 190)][(index + number) % 3]
            start, end = ([round(value) for value in point] for point in ends)
            cv2.line(image, start, end, colour, max(int(_THICK_M * px_per_m), 2), cv2.LINE_AA)
        head = [round(value) for value in points[-1]]
        cv2.circle(image, head, int(_THICK_M * px_per_m), (130, 160, 210), -1, cv2.LINE_AA)
        boxes.append(np.concatenate([points.min(axis=0), points.max(axis=0)]))
    return np.asarray(cv2.GaussianBlur(image, (0, 0), 0.8), np.uint8), np.array(boxes)


def _session(file: bytes | str) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])


def _run(session: onnxruntime.InferenceSession, arrays: dict[str, npt.NDArray]) -> dict[str, npt.NDArray[Any]]:
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, arrays), strict=True))
