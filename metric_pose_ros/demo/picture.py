"""The published markers over time in one picture, above a metric ground grid."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure
from mpl_toolkits.mplot3d.art3d import Line3DCollection

from metric_pose_ros.demo.recording import points_of
from metric_pose_ros.geometry.camera import Camera
from metric_pose_ros.messages.markers import LINE_LIST, SPHERE_LIST

Floats = npt.NDArray[np.floating]

_MOMENTS = 6
"""How many poses of each person are drawn, the last one brightest."""
_PAPER, _INK, _GRID = "#10151c", "#e8eef5", "#33404f"


def upwards(rotation_to_up: Floats | None, skeletons: list[Floats]) -> Floats:
    """(3, 3) from the camera's optical frame to one with z up, y ahead and x to the right.

    Args:
        rotation_to_up: (3,) up in the camera's frame, if it is known.
        skeletons: (N, 3) metres of whole people; they are upright on average, which tells how the camera is tilted.
    """
    up = np.array([0.0, -1.0, 0.0])
    if rotation_to_up is not None:
        up = np.asarray(rotation_to_up, float)
    elif skeletons:
        # Heads and feet are the far ends along the image's own up.
        long_ways = []
        for joints in skeletons:
            order = np.argsort(joints[:, 1])
            ends = max(len(joints) // 6, 1)
            long_ways.append(joints[order[:ends]].mean(axis=0) - joints[order[-ends:]].mean(axis=0))
        up = np.median(long_ways, axis=0)
    up = up / np.linalg.norm(up)
    right = np.cross(np.array([0.0, 0.0, 1.0]), up)
    right = right / np.linalg.norm(right)
    return np.stack([right, np.cross(up, right), up])


def draw(path: Path, markers: Mapping[float, Any], camera: Camera, up: Floats | None = None, title: str = "") -> None:
    """Writes the picture.

    Args:
        path: ending in ``.png``.
        markers: visualization_msgs/MarkerArray by time, as the node published them.
        camera: whose view is drawn as a pyramid.
        up: (3,) in the camera's frame, if known; else it is taken from how people stand.
        title: one line above.
    """
    bones, joints, colours = _collect(markers)
    turn = upwards(up, [cloud for frames in joints.values() for cloud in frames.values()])
    bones = {person: {stamp: lines @ turn.T for stamp, lines in frames.items()} for person, frames in bones.items()}
    joints = {person: {stamp: cloud @ turn.T for stamp, cloud in frames.items()} for person, frames in joints.items()}
    clouds = [cloud for frames in joints.values() for cloud in frames.values()]
    everything = np.concatenate([np.zeros((1, 3)), *clouds])
    # The ground is where feet usually are; one bad frame does not move it.
    ground = float(np.median([cloud[:, 2].min() for cloud in clouds])) if clouds else -1.5
    low, high = np.floor(everything.min(axis=0) - 0.5), np.ceil(everything.max(axis=0) + 0.5)

    figure = Figure(figsize=(12, 7.5), dpi=110, facecolor=_PAPER)
    axes: Any = figure.add_subplot(projection="3d", facecolor=_PAPER, computed_zorder=False)
    figure.subplots_adjust(0, 0, 1, 0.97)
    _draw_ground(axes, low, high, ground)
    _draw_camera(axes, camera, turn, ground)
    for person, frames in sorted(bones.items()):
        _draw_person(axes, frames, joints.get(person, {}), colours[person], ground)
        last = joints.get(person, {}).get(max(frames))
        if last is not None:
            text = f"p{person}  {np.linalg.norm(last.mean(axis=0)):.1f} m"
            axes.text(*(last.mean(axis=0)[:2]), last[:, 2].max() + 0.15, text, color=_INK, ha="center", fontsize=11)
    axes.set_box_aspect((high[0] - low[0], high[1] - low[1], max(high[2], ground + 2) - ground), zoom=1.35)
    axes.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]), zlim=(ground, max(high[2], ground + 2)))
    axes.view_init(elev=22, azim=-62)
    axes.set_axis_off()
    figure.suptitle(title or "published skeletons", color=_INK, fontsize=13, y=0.97)
    figure.text(0.5, 0.03, "one square is 1 m; dots are 0.5 m", color=_GRID, ha="center", fontsize=10)
    with mpl.rc_context({"savefig.facecolor": _PAPER}):
        figure.savefig(path)


def _collect(
    markers: Mapping[float, Any],
) -> tuple[dict[int, dict[float, Floats]], dict[int, dict[float, Floats]], dict[int, Any]]:
    """Bones as (B, 2, 3) and joints as (N, 3) by person and time, and each person's colour."""
    bones: dict[int, dict[float, Floats]] = {}
    joints: dict[int, dict[float, Floats]] = {}
    colours: dict[int, Any] = {}
    for stamp, message in sorted(markers.items()):
        for marker in message.markers:
            if marker.action:
                continue
            if marker.type == LINE_LIST:
                bones.setdefault(marker.id, {})[stamp] = points_of(marker).reshape(-1, 2, 3)
                colours[marker.id] = (marker.color.r, marker.color.g, marker.color.b)
            elif marker.type == SPHERE_LIST:
                joints.setdefault(marker.id, {})[stamp] = points_of(marker)
    return bones, joints, colours


def _draw_person(
    axes: Any, bones: dict[float, Floats], joints: dict[float, Floats], colour: Any, ground: float
) -> None:
    stamps = sorted(bones)
    path = np.array([joints[stamp].mean(axis=0) for stamp in stamps if stamp in joints])
    if len(path) > 1:
        axes.plot(path[:, 0], path[:, 1], ground + 0.005, color=colour, alpha=0.9, linewidth=1.5, zorder=2)
    shown = [stamps[index] for index in np.unique(np.linspace(0, len(stamps) - 1, _MOMENTS).round().astype(int))]
    for number, stamp in enumerate(shown):
        share = (number + 1) / len(shown)
        fade = 0.12 + 0.88 * share**3
        width = 1.2 + 2.4 * share**2
        axes.add_collection3d(
            Line3DCollection(bones[stamp], colors=[(*colour, fade)], linewidths=width, zorder=3 + number)
        )
        if number == len(shown) - 1 and stamp in joints:
            axes.scatter(*joints[stamp].T, color="white", s=14, depthshade=False, zorder=20)


def _draw_ground(axes: Any, low: Floats, high: Floats, ground: float) -> None:
    for x in np.arange(low[0], high[0] + 1):
        axes.plot([x, x], [low[1], high[1]], ground, color=_GRID, linewidth=0.9, zorder=0)
    for y in np.arange(low[1], high[1] + 1):
        axes.plot([low[0], high[0]], [y, y], ground, color=_GRID, linewidth=0.9, zorder=0)
    x, y = np.meshgrid(np.arange(low[0], high[0] + 0.1, 0.5), np.arange(low[1], high[1] + 0.1, 0.5))
    axes.scatter(x.ravel(), y.ravel(), ground, color=_GRID, s=2, depthshade=False, zorder=0)


def _draw_camera(axes: Any, camera: Camera, turn: Floats, ground: float, depth: float = 0.6) -> None:
    corners = np.array([[0, 0], [camera.width, 0], [camera.width, camera.height], [0, camera.height]], float)
    rays = camera.rays(corners)
    rays = rays / rays[:, 2:] * depth @ turn.T
    edges = [np.stack([np.zeros(3), ray]) for ray in rays]
    edges += [np.stack([rays[index], rays[(index + 1) % 4]]) for index in range(4)]
    edges.append(np.array([[0, 0, 0], [0, 0, ground]]))
    axes.add_collection3d(Line3DCollection(edges, colors=_INK, linewidths=1.2, alpha=0.8, zorder=1))
    axes.text(0, 0, 0.12, "camera", color=_INK, ha="center", fontsize=10)
