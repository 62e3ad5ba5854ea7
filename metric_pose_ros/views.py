"""Several looks at one person (test-time augmentation): turned, zoomed, brightened and mirrored crops, averaged.

What a network gets wrong in one look it gets wrong otherwise in the next. The looks are those of Sarandi et al.'s
MeTRAbs: angles of -25 to 25 degrees, zooms of 0.8 to 1.1, gammas of 0.6 to 1, every second one mirrored.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from metric_pose_ros.geometry.crop import Crop
from metric_pose_ros.geometry.placement import OUTSIDE_WEIGHT, inside_view, place
from metric_pose_ros.pose_network import PoseBatch
from metric_pose_ros.skeleton import Skeleton

Floats = npt.NDArray[np.floating]

_LARGEST_ANGLE_DEG = 25.0
_ZOOMS = (0.8, 1.1)
_BRIGHTEST_GAMMA = 0.6


@dataclass(frozen=True)
class View:
    """One look at a crop.

    Attributes:
        angle: by which the crop camera is turned about its optical axis, radians.
        zoom: factor on its focal length.
        gamma: exponent of the pixels' values 0..1; below 1 is brighter.
        mirrored: whether the picture is then flipped left to right.
    """

    angle: float = 0.0
    zoom: float = 1.0
    gamma: float = 1.0
    mirrored: bool = False

    @property
    def rotation(self) -> Floats:
        """(3, 3) from the crop camera's frame to that of the turned one."""
        sine, cosine = np.sin(self.angle), np.cos(self.angle)
        return np.array([[cosine, -sine, 0], [sine, cosine, 0], [0, 0, 1]])

    def turn(self, crop: Crop) -> Crop:
        """The crop camera, turned and zoomed; it still looks at the same point."""
        zoom = np.array([[self.zoom], [self.zoom], [1]])
        K = crop.K * zoom
        K[:2, 2] = crop.K[:2, 2]
        return Crop(self.rotation @ crop.rotation, K, crop.side)

    def show(self, pixels: npt.NDArray[np.float32]) -> None:
        """Brightens and flips a crop (..., S, S) of values 0..1 in place."""
        if self.gamma != 1:
            np.power(pixels, np.float32(self.gamma), out=pixels)
        if self.mirrored:
            pixels[...] = pixels[..., ::-1].copy()

    def look_back(self, poses: PoseBatch, skeleton: Skeleton, side: int) -> PoseBatch:
        """What was found in this look, as the crop itself would show it; `absolute` is left as it is.

        Args:
            poses: of the turned crops.
            skeleton: of the joints.
            side: of the crops, px.
        """
        joints2d, relative, std = poses.joints2d, poses.relative, poses.std
        if self.mirrored:
            swap = skeleton.mirror
            joints2d, relative, std = joints2d[:, swap], relative[:, swap] * [-1, 1, 1], std[:, swap]
            joints2d = np.stack([side - 1 - joints2d[..., 0], joints2d[..., 1]], axis=-1)
        centre = (side - 1) / 2
        joints2d = (joints2d - centre) / self.zoom @ self.rotation[:2, :2] + centre
        # The variance along each axis of an error that is independent along the turned crop's axes.
        std = np.sqrt(std**2 @ self.rotation**2)
        return PoseBatch(joints2d, relative @ self.rotation, poses.absolute, std)


def looks(count: int, mirror: bool = False) -> tuple[View, ...]:
    """The looks that are averaged.

    Args:
        count: how many; 1 is the crop itself.
        mirror: with one look, also its mirror image; more looks are mirrored by turns anyway.

    Raises:
        ValueError: if the count is not positive.
    """
    if count < 1:
        raise ValueError(f"{count} views were asked for, expected at least 1")
    if count == 1:
        return (View(), View(mirrored=True)) if mirror else (View(),)
    angles = np.radians(np.linspace(-_LARGEST_ANGLE_DEG, _LARGEST_ANGLE_DEG, count))
    gammas = np.linspace(_BRIGHTEST_GAMMA, 1.0, count)
    half = count // 2
    zooms = [*np.linspace(_ZOOMS[0], 1.0, half, endpoint=False), *np.linspace(1.0, _ZOOMS[1], count - half)]
    return tuple(
        View(float(angle), float(zoom), float(gamma), number % 2 == 1)
        for number, (angle, zoom, gamma) in enumerate(zip(angles, zooms, gammas, strict=True))
    )


def check_mirrored(views: tuple[View, ...], skeleton: Skeleton) -> None:
    """Refuses looks in the mirror at a skeleton of which one side lacks a joint.

    Raises:
        ValueError: that names the joint.
    """
    if not any(view.mirrored for view in views):
        return
    try:
        _ = skeleton.mirror
    except ValueError as error:
        raise ValueError(f"nobody can be looked at in the mirror: {error}; leave mirror and views out") from error


def average(
    poses: PoseBatch, views: tuple[View, ...], intrinsics: Floats, skeleton: Skeleton, side: int, stride: int
) -> PoseBatch:
    """One pose per crop from those of its looks.

    Args:
        poses: of N * V crops, all looks at one crop in a row, in the order of `views`.
        views: V looks.
        intrinsics: (N, 3, 3) of the crops themselves.
        skeleton: of the joints.
        side: of the crops, px.
        stride: of the heatmaps, px.

    Returns:
        N poses in the crops themselves. A joint's 2D position counts in those looks that show it.
    """
    positions, weights, relatives, deviations = [], [], [], []
    for number, view in enumerate(views):
        mine = slice(number, None, len(views))
        seen = PoseBatch(poses.joints2d[mine], poses.relative[mine], poses.absolute[mine], poses.std[mine])
        back = view.look_back(seen, skeleton, side)
        inside = inside_view(seen.joints2d, side, stride)
        weights.append((inside[:, skeleton.mirror] if view.mirrored else inside) + OUTSIDE_WEIGHT)
        positions.append(back.joints2d)
        # Each look's own origin means nothing: compare them at their means.
        relatives.append(back.relative - back.relative.mean(axis=1, keepdims=True))
        deviations.append(back.std)
    weight = np.array(weights)[..., None]
    joints2d = (weight * np.array(positions)).sum(axis=0) / weight.sum(axis=0)
    relative = np.mean(relatives, axis=0)
    return PoseBatch(
        joints2d, relative, place(joints2d, relative, intrinsics, side, stride), np.mean(deviations, axis=0)
    )
