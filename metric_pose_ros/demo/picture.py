"""The published markers over time in one picture, above a metric ground grid."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from metric_pose_ros.geometry.camera import Camera
from metric_pose_ros.messages.markers import LINE_LIST, SPHERE_LIST, points_of

Floats = npt.NDArray[np.floating]

_MOMENTS = 6
"""How many poses of each person are drawn, the last one brightest."""
_PAPER, _INK, _GRID, _SHADOW = "#141a22", "#e8eef5", "#3d4b5c", "#05070a"
_SIZE_INCHES = (12.0, 7.2)
_BONE_M, _JOINT_M = 0.055, 0.035
_FOOT_M = 0.08
"""Ankle joints are about this far above the ground."""


@dataclass(frozen=True)
class _Eye:
    """A pinhole camera that looks at the scene, in the frame with z up.

    Attributes:
        position: (3,) metres.
        rotation: (3, 3) to x right, y up, z ahead.
    """

    position: Floats
    rotation: Floats

    @classmethod
    def looking(cls, position: Floats, target: Floats) -> _Eye:
        ahead = (target - position) / np.linalg.norm(target - position)
        right = np.cross(ahead, [0.0, 0.0, 1.0])
        right /= np.linalg.norm(right)
        return cls(position, np.stack([right, np.cross(right, ahead), ahead]))

    def __call__(self, points: Floats) -> tuple[Floats, Floats]:
        """(..., 3) metres -> (..., 2) on the plane at distance 1, and (...) how far ahead."""
        seen = (np.asarray(points, float) - self.position) @ self.rotation.T
        ahead = np.maximum(seen[..., 2], 0.1)
        return seen[..., :2] / ahead[..., None], ahead


@dataclass(frozen=True, eq=False)
class _Person:
    """What was published of one person, in the frame with z up.

    Attributes:
        number: in the id.
        colour: RGB in 0..1.
        bones: (B, 2, 3) metres, by time.
        joints: (N, 3) metres, by time.
    """

    number: int
    colour: tuple[float, float, float]
    bones: dict[float, Floats]
    joints: dict[float, Floats]


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
    people = _collect(markers)
    turn = upwards(up, [joints for person in people for joints in person.joints.values()])
    people = [_turned(person, turn) for person in people]
    clouds = [joints for person in people for joints in person.joints.values()]
    # Feet that nobody is sure of are not drawn, so many frames end higher; a few bad ones end lower.
    ground = float(np.percentile([cloud[:, 2].min() for cloud in clouds], 30)) - _FOOT_M if clouds else -1.5
    everything = np.concatenate([np.zeros((1, 3)), *clouds])
    low, high = np.floor(everything.min(axis=0)), np.ceil(everything.max(axis=0))
    middle = np.array([(low[0] + high[0]) / 2, (low[1] + high[1]) / 2, ground + 0.8])
    reach = max(high[0] - low[0], high[1] - low[1], 3.0)
    eye = _Eye.looking(middle + reach * np.array([0.95, -0.6, 0.42]), middle)

    figure = Figure(figsize=_SIZE_INCHES, dpi=110, facecolor=_PAPER)
    axes = figure.add_axes((0.0, 0.0, 1.0, 0.93))
    axes.set_axis_off()
    _draw_ground(axes, eye, low, high, ground)
    _draw_camera(axes, eye, camera, turn, ground)
    corners = np.array([[x, y, ground] for x in (low[0], high[0]) for y in (low[1], high[1])])
    heads = everything + np.array([0.0, 0.0, 0.4])
    _frame(axes, eye, np.concatenate([heads, corners]))
    for person in sorted(people, key=lambda person: -_last_distance(person, eye)):
        _draw_person(axes, eye, person, ground)
    figure.suptitle(title or "published skeletons", color=_INK, fontsize=13, y=0.97)
    legend = f"squares of 1 m; each person at {_MOMENTS} moments, the last one brightest, and the way of the hips"
    figure.text(0.985, 0.02, legend, color="#7d8ea3", ha="right", fontsize=9.5)
    with mpl.rc_context({"savefig.facecolor": _PAPER}):
        figure.savefig(path)


def _collect(markers: Mapping[float, Any]) -> list[_Person]:
    people: dict[int, _Person] = {}
    for stamp, message in sorted(markers.items()):
        for marker in message.markers:
            if marker.action or marker.type not in (LINE_LIST, SPHERE_LIST):
                continue
            colour = (marker.color.r, marker.color.g, marker.color.b)
            person = people.setdefault(marker.id, _Person(marker.id, colour, {}, {}))
            if marker.type == LINE_LIST:
                person.bones[stamp] = points_of(marker).reshape(-1, 2, 3)
            else:
                person.joints[stamp] = points_of(marker)
    return [person for person in people.values() if person.bones and person.joints]


def _turned(person: _Person, turn: Floats) -> _Person:
    bones = {stamp: lines @ turn.T for stamp, lines in person.bones.items()}
    joints = {stamp: cloud @ turn.T for stamp, cloud in person.joints.items()}
    return _Person(person.number, person.colour, bones, joints)


def _last_distance(person: _Person, eye: _Eye) -> float:
    return float(np.linalg.norm(person.joints[max(person.joints)].mean(axis=0) - eye.position))


def _frame(axes: Axes, eye: _Eye, points: Floats) -> None:
    """Sets the window around points, in the figure's proportions."""
    seen, _ = eye(points)
    low, high = seen.min(axis=0), seen.max(axis=0)
    height, width = _SIZE_INCHES[1] * 0.93, _SIZE_INCHES[0]
    half = max((high - low)[0] / width, (high - low)[1] / height) * 0.55
    centre = (low + high) / 2
    axes.set_xlim(centre[0] - half * width, centre[0] + half * width)
    axes.set_ylim(centre[1] - half * height, centre[1] + half * height)


def _points_per_unit(axes: Axes) -> float:
    """Points of line width for one unit of the axes."""
    left, right = axes.get_xlim()
    return _SIZE_INCHES[0] * 72 / (right - left)


def _draw_person(axes: Axes, eye: _Eye, person: _Person, ground: float) -> None:
    stamps = sorted(person.bones)
    paper = np.array(to_rgb(_PAPER))
    scale = _points_per_unit(axes)
    path = np.array([[*person.joints[stamp].mean(axis=0)[:2], ground] for stamp in stamps if stamp in person.joints])
    way, _ = eye(path)
    axes.plot(*way.T, color=person.colour, alpha=0.8, linewidth=2, solid_capstyle="round", zorder=3)
    shown = [stamps[index] for index in np.unique(np.linspace(0, len(stamps) - 1, _MOMENTS).round().astype(int))]
    for number, stamp in enumerate(shown):
        share = (number + 1) / len(shown)
        strength = 1.0 if number == len(shown) - 1 else 0.15 + 0.5 * share**2
        lines, ahead = eye(person.bones[stamp])
        widths = _BONE_M * scale / ahead.mean(axis=1)
        flat = person.bones[stamp].copy()
        flat[..., 2] = ground
        shadow, _ = eye(flat)
        axes.add_collection(_lines(shadow, _SHADOW, 0.7 * widths, 0.5 * strength, 2))
        order = np.argsort(-ahead.mean(axis=1))
        near = 4 + number
        colour = tuple((1 - strength) * paper + strength * np.array(person.colour))
        if number == len(shown) - 1:
            axes.add_collection(_lines(lines[order], _PAPER, 1.7 * widths[order], 1.0, near))
        axes.add_collection(_lines(lines[order], colour, widths[order], 1.0 if strength == 1 else 0.75, near))
        if number == len(shown) - 1 and stamp in person.joints:
            joints, far = eye(person.joints[stamp])
            axes.scatter(
                joints[:, 0],
                joints[:, 1],
                s=(_JOINT_M * scale / far) ** 2,
                color="white",
                linewidths=0,
                zorder=near + 1,
            )
            head = person.joints[stamp][person.joints[stamp][:, 2].argmax()] + [0, 0, 0.16]
            at, _ = eye(head)
            text = f"p{person.number}   {np.linalg.norm(person.joints[stamp].mean(axis=0)):.1f} m"
            axes.text(at[0], at[1], text, color=_INK, ha="center", va="bottom", fontsize=12, zorder=30)


def _lines(lines: Floats, colour: Any, widths: Floats, alpha: float, zorder: float) -> LineCollection:
    return LineCollection(
        list(lines), colors=[colour], linewidths=widths, alpha=alpha, zorder=zorder, capstyle="round", joinstyle="round"
    )


def _draw_ground(axes: Axes, eye: _Eye, low: Floats, high: Floats, ground: float) -> None:
    lines = [[[x, low[1], ground], [x, high[1], ground]] for x in np.arange(low[0], high[0] + 0.5)]
    lines += [[[low[0], y, ground], [high[0], y, ground]] for y in np.arange(low[1], high[1] + 0.5)]
    corners = [[low[0], low[1]], [high[0], low[1]], [high[0], high[1]], [low[0], high[1]]]
    plane, _ = eye(np.array([[x, y, ground] for x, y in corners]))
    axes.fill(*plane.T, color="#1c2530", zorder=0)
    seen, ahead = eye(np.array(lines))
    axes.add_collection(_lines(seen, _GRID, 9 / ahead.mean(axis=1), 1.0, 1))
    for y in np.arange(max(low[1], 0.0), high[1] + 0.5, 1.0):
        at, far = eye(np.array([high[0] + 0.12, y, ground]))
        size = float(np.clip(90 / far, 7, 13))
        axes.text(at[0], at[1], f"{y:.0f} m", color="#7d8ea3", fontsize=size, ha="left", va="center", zorder=2)


def _draw_camera(axes: Axes, eye: _Eye, camera: Camera, turn: Floats, ground: float, depth: float = 0.5) -> None:
    corners = np.array([[0, 0], [camera.width, 0], [camera.width, camera.height], [0, camera.height]], float)
    rays = camera.rays(corners)
    rays = rays / rays[:, 2:] * depth @ turn.T
    edges = [np.stack([np.zeros(3), ray]) for ray in rays]
    edges += [np.stack([rays[index], rays[(index + 1) % 4]]) for index in range(4)]
    seen, _ = eye(np.array(edges))
    axes.fill(*eye(rays)[0].T, color=_INK, alpha=0.12, zorder=3)
    axes.add_collection(_lines(seen, _INK, np.full(len(edges), 1.6), 0.95, 3))
    stand, _ = eye(np.array([[[0, 0, 0], [0, 0, ground]]]))
    axes.add_collection(_lines(stand, "#7d8ea3", np.array([1.2]), 0.9, 2))
    at, _ = eye(np.array([0, 0, 0.3]))
    axes.text(at[0], at[1], "camera", color=_INK, ha="center", fontsize=11, zorder=4)
