"""Files of MPI-INF-3DHP's studio recordings, as they are distributed: Matlab v5 and camera.calibration."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import scipy.io

SIDE = 256
K = np.array([[187.2, 0, 128.1], [0, 187.1, 131.4], [0, 0, 1]])
CAMERAS = range(14)


def project(camera_mm: np.ndarray) -> np.ndarray:
    """(J, 3) mm -> (J, 2) px."""
    homogeneous = camera_mm @ K.T
    return homogeneous[..., :2] / homogeneous[..., 2:]


def write_labels(folder: Path, poses: dict[int, np.ndarray], universal_scale: float = 0.9) -> None:
    """Writes annot.mat and camera.calibration; `poses` are (N, 28, 3) mm by camera, the other cameras see nobody."""
    folder.mkdir(parents=True, exist_ok=True)
    frames = len(next(iter(poses.values())))
    cells = {name: np.empty((14, 1), object) for name in ("annot2", "annot3", "univ_annot3")}
    for camera in CAMERAS:
        joints = poses.get(camera, np.tile([0.0, 0, -100], (frames, 28, 1)))
        cells["annot2"][camera, 0] = project(joints).reshape(frames, 56)
        cells["annot3"][camera, 0] = joints.reshape(frames, 84)
        cells["univ_annot3"][camera, 0] = joints.reshape(frames, 84) * universal_scale
    numbers = {
        "frames": np.arange(frames, dtype=np.uint16)[:, None],
        "cameras": np.arange(14, dtype=np.uint8)[:, None],
    }
    scipy.io.savemat(folder / "annot.mat", {**cells, **numbers}, format="5")
    lines = ["Skeletool Camera Calibration File V1.0"]
    intrinsic = np.eye(4)
    intrinsic[:3, :3] = K
    for camera in CAMERAS:
        lines += [
            f"name          {camera}",
            "  sensor      10 10",
            f"  size        {SIDE} {SIDE}",
            "  animated    0",
            "  intrinsic   " + " ".join(f"{number:g}" for number in intrinsic.ravel()) + " ",
            "  extrinsic   " + " ".join(f"{number:g}" for number in np.eye(4).ravel()) + " ",
            "  radial      0",
        ]
    (folder / "camera.calibration").write_text("\n".join(lines) + "\n")
