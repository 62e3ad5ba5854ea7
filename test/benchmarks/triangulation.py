"""Makes ``metric_pose_ros/demo/clip_truth.json``: `python -m test.benchmarks.triangulation`.

How: two detectors that have nothing to do with each other (MoveNet MultiPose and MediaPipe Pose heavy) mark the man's
joints in all four views. As shipped, the cameras' rotations are about one degree off and their clocks a frame or so
apart; both are refined so that the joints' rays meet, while the camera centres stay where the calibration puts them,
since they set the scale. Each joint is then the point that all rays of its moment pass nearest to, outliers counting
less, smoothed over a tenth of a second. No model of ours has a part in it.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy.optimize import least_squares
from scipy.signal import savgol_filter
from scipy.spatial.transform import Rotation

from metric_pose_ros.demo import clip
from metric_pose_ros.demo.truth import FILE, at_frames
from metric_pose_ros.skeleton import COCO_17
from test.benchmarks.observations import observe

Floats = npt.NDArray[np.floating]

_LEAST_SURE = {"movenet": 0.2, "mediapipe": 0.5}
_OUTLIER_PX = 8.0
_WINDOW = 7
"""Frames of the smoothing, which fits a parabola: 0.1 s."""


@dataclass(frozen=True, eq=False)
class Sight:
    """What one detector sees in one view.

    Attributes:
        view: index of the view.
        focal: px.
        plane: (frames, 17, 2) directions on the plane at distance 1.
        weight: (frames, 17) 0 where the detector is not sure, 1 where it is.
    """

    view: int
    focal: float
    plane: Floats
    weight: Floats


@dataclass(frozen=True, eq=False)
class Rig:
    """The refined cameras: (V, 3, 3) rotations, (V, 3) m centres, (V,) frames that each clock is late."""

    rotations: Floats
    centres: Floats
    delays: Floats


def sights(views: list[clip.View], seen: list[dict[str, Floats]]) -> list[Sight]:
    """Turns pixels into directions; `seen` is what `observe` returns for each view."""
    result = []
    for index, (view, detectors) in enumerate(zip(views, seen, strict=True)):
        for name, joints in detectors.items():
            rays = view.camera.rays(joints[..., :2].reshape(-1, 2)).reshape(*joints.shape[:2], 3)
            sure = (joints[..., 2] > _LEAST_SURE[name]).astype(float)
            result.append(Sight(index, float(view.camera.K[0, 0]), rays[..., :2] / rays[..., 2:], sure))
    return result


def triangulate(rig: Rig, seen: list[Sight], rounds: int = 4) -> tuple[Floats, Floats, Floats]:
    """The points nearest to all rays.

    Returns:
        (frames, 17, 3) m on the first clock, (S, frames, 17, 2) px residuals, and (S, frames, 17) their weights.
    """
    count = len(seen[0].plane)
    moments = np.arange(count)
    planes = np.stack([at_frames(sight.plane, moments - rig.delays[sight.view]) for sight in seen])
    sure = np.stack([at_frames(sight.weight, moments - rig.delays[sight.view]) for sight in seen]) > 0.99
    rotations = np.stack([rig.rotations[sight.view] for sight in seen])
    shift = np.stack([-rig.rotations[sight.view] @ rig.centres[sight.view] for sight in seen])
    focal = np.array([sight.focal for sight in seen])[:, None, None, None]
    # Each ray (u, v, 1) gives two planes that contain it: (row1 - u row3) X + t1 - u t3 = 0, and the same with v.
    normals = rotations[:, None, None, :2] - planes[..., None] * rotations[:, None, None, 2:]
    offsets = shift[:, None, None, :2] - planes * shift[:, None, None, 2:]
    weights = sure[..., None].astype(float) + 1e-6
    for _ in range(rounds):
        lhs = np.einsum("stjk,stjka,stjkb->tjab", np.repeat(weights, 2, -1), normals, normals)
        rhs = -np.einsum("stjk,stjka,stjk->tja", np.repeat(weights, 2, -1), normals, offsets)
        points = np.linalg.solve(lhs, rhs[..., None])[..., 0]
        depth = np.einsum("sa,tja->stj", rotations[:, 2], points) + shift[:, None, None, 2]
        depth = np.maximum(depth, 0.1)  # a point that nobody is sure of may end up anywhere
        # The planes' misfit is depth times the reprojection's.
        residuals = focal * (np.einsum("stjka,tja->stjk", normals, points) + offsets) / depth[..., None]
        square = np.sum(residuals**2, axis=-1, keepdims=True)
        robust = 1 / (1 + square / _OUTLIER_PX**2)
        weights = (sure[..., None] * robust + 1e-6) / depth[..., None] ** 2
    return points, residuals, sure.astype(float)


def refine(views: list[clip.View], seen: list[Sight]) -> Rig:
    """Turns the cameras and shifts their clocks until the rays meet best; the first clock stays."""
    centres = np.stack([view.centre for view in views])
    shipped = np.stack([view.rotation for view in views])

    def rig(values: Floats) -> Rig:
        turns = Rotation.from_rotvec(values[: 3 * len(views)].reshape(-1, 3)).as_matrix()
        return Rig(turns @ shipped, centres, np.concatenate([[0.0], values[3 * len(views) :] * 10]))

    def misfit(values: Floats) -> Floats:
        _, residuals, sure = triangulate(rig(values), seen)
        return (residuals * sure[..., None]).ravel() / _OUTLIER_PX

    start = np.zeros(3 * len(views) + len(views) - 1)
    found = least_squares(misfit, start, loss="cauchy", diff_step=1e-4, x_scale=0.01, max_nfev=25)
    return rig(found.x)


def median_px(residuals: Floats, sure: Floats) -> float:
    """Median length of the residuals that count."""
    return float(np.median(np.linalg.norm(residuals, axis=-1)[sure > 0]))


def build(views: list[clip.View], observed: list[dict[str, Floats]]) -> dict:
    """The content of the truth file; `observed` is what `observe` returns for each view."""
    seen = sights(views, observed)
    shipped = Rig(
        np.stack([view.rotation for view in views]), np.stack([view.centre for view in views]), np.zeros(len(views))
    )
    _, residuals_before, sure_before = triangulate(shipped, seen)
    rig = refine(views, seen)
    points, residuals, sure = triangulate(rig, seen)
    alone = [triangulate(rig, seen[detector::2])[0] for detector in range(2)]
    spread = np.median(np.linalg.norm(alone[0] - alone[1], axis=-1), axis=0)
    smooth = savgol_filter(points, _WINDOW, 2, axis=0)
    return {
        "clip": clip.SOURCE,
        "made": time.strftime("%Y-%m-%d", time.gmtime()),
        "how": "python -m test.benchmarks.triangulation",
        "median_residual_px": {
            "as shipped": round(median_px(residuals_before, sure_before), 2),
            "refined": round(median_px(residuals, sure), 2),
        },
        "joints": list(COCO_17.names),
        "spread_mm": np.round(spread * 1000).astype(int).tolist(),
        "views": {
            view.name: {
                "centre_m": np.round(view.centre, 5).tolist(),
                "rotation": np.round(rig.rotations[index], 7).tolist(),
                "delay": round(float(rig.delays[index]), 3),
                "turned_degrees": round(float(np.degrees(_angle(rig.rotations[index] @ view.rotation.T))), 2),
                "residual_px": [
                    round(median_px(residuals[2 * index + detector][None], sure[2 * index + detector][None]), 2)
                    for detector in range(2)
                ],
            }
            for index, view in enumerate(views)
        },
        "joints_mm": np.round(smooth * 1000).astype(int).tolist(),
    }


def _angle(rotation: Floats) -> float:
    return float(np.linalg.norm(Rotation.from_matrix(rotation).as_rotvec()))


def main() -> None:
    """Fetches the clip, looks at it with both detectors, and writes the file."""
    files = clip.fetch(Path(".cache/clip"))
    views = list(clip.views(files["calibration"].read_text()).values())
    content = build(views, [observe(view, files[view.name]) for view in views])
    FILE.write_text(json.dumps(content, separators=(",", ":")) + "\n")
    print(f"{FILE}: {FILE.stat().st_size} bytes; median residual {content['median_residual_px']} px")


if __name__ == "__main__":
    main()
