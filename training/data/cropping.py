"""What a network sees of a sample: the crop around its box, perhaps turned, zoomed, moved, mirrored or truncated.

Every geometric change is a change of the virtual camera that looks at the person, and the labels turn with it, so a
changed example is as true as the original (Sarandi et al. 2021, MeTRAbs). Crops are sampled by the very code that the
robot runs, `metric_pose_ros.geometry.crop`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from metric_pose_ros.geometry.camera import Camera
from metric_pose_ros.geometry.crop import Crop, look_at
from metric_pose_ros.geometry.crop import sample as sample_crops
from training.data.shards import CROP_SCALE, Sample, whole_picture

Floats = npt.NDArray[np.floating]


@dataclass(frozen=True)
class View:
    """How a crop differs from the straight one.

    Attributes:
        turn: degrees that the camera rolls about its axis; the picture turns the other way.
        zoom: factor on the size of the person.
        shift: (x, y) by which the camera looks past the box' centre, as a share of the crop's side.
        mirrored: whether left and right change places.
    """

    turn: float = 0.0
    zoom: float = 1.0
    shift: tuple[float, float] = (0.0, 0.0)
    mirrored: bool = False


STRAIGHT = View()


def random_view(random: np.random.Generator, turn: float, zoom: float, shift: float, mirror: float) -> View:
    """A random view as MeTRAbs trains with.

    Args:
        random: where chance comes from; always drawn from as often, whatever the other arguments.
        turn: degrees, at most, either way.
        zoom: the factor is drawn from 1 - zoom .. 1 + zoom.
        shift: radius of the disc of shifts, as a share of the crop's side.
        mirror: probability.
    """
    draws = random.random(5)
    radius, angle = shift * np.sqrt(draws[2]), 2 * np.pi * draws[3]
    return View(
        turn=float(turn * (2 * draws[0] - 1)),
        zoom=float(1 + zoom * (2 * draws[1] - 1)),
        shift=(float(radius * np.cos(angle)), float(radius * np.sin(angle))),
        mirrored=bool(draws[4] < mirror),
    )


def truncated_box(box: Floats, random: np.random.Generator) -> Floats:
    """A random square part of a box, for people who are only partly in the picture.

    The square around the box is [0, 1] x [0, 1]; x1 ~ U(0, .5) and x2, y2 ~ U(.5, 1), and y1 follows from the side
    x2 - x1, until the side is longer than half and fits above y2. The truncated Human3.6M test is made like this.

    Args:
        box: (4,) xyxy px.
        random: where chance comes from.

    Returns:
        (4,) xyxy px.
    """
    whole = square(box)
    while True:
        x1, x2, y2 = random.uniform(0, 0.5), random.uniform(0.5, 1), random.uniform(0.5, 1)
        side = x2 - x1
        if 0.5 < side < y2:
            break
    part = np.array([x1, y2 - side, x2, y2])
    return np.tile(whole[:2], 2) + part * (whole[2] - whole[0])


def box_shown_by_crop(shown: Floats, crop_scale: float = CROP_SCALE) -> Floats:
    """(4,) xyxy px: the box whose crop shows a square (4,) xyxy px and nothing beyond it, as crops are `crop_scale`
    times as large as their boxes."""
    centre, half = (shown[:2] + shown[2:]) / 2, (shown[2:] - shown[:2]) / 2 / crop_scale
    return np.concatenate([centre - half, centre + half])


def square(box: Floats) -> Floats:
    """(4,) the square with the centre and the longer side of a box (4,) xyxy."""
    centre, half = (box[:2] + box[2:]) / 2, (box[2:] - box[:2]).max() / 2
    return np.concatenate([centre - half, centre + half])


def crop_camera(sample: Sample, side: int, view: View = STRAIGHT) -> Crop:
    """The virtual camera of a view; mirroring is not in it.

    Args:
        sample: gives camera and box.
        side: of the crop, px.
        view: how it looks at the box.
    """
    camera = _camera(sample)
    reach = CROP_SCALE * float((sample.box[2:] - sample.box[:2]).max())
    box = sample.box.astype(float) + np.tile(view.shift, 2) * reach
    straight = look_at(camera, box, side, CROP_SCALE)
    cos, sin = np.cos(np.radians(view.turn)), np.sin(np.radians(view.turn))
    roll = np.array([[cos, sin, 0], [-sin, cos, 0], [0, 0, 1]])
    intrinsics = straight.K.copy()
    intrinsics[[0, 1], [0, 1]] *= view.zoom
    return Crop(roll @ straight.rotation, intrinsics, side)


def crop_sample(sample: Sample, side: int, view: View = STRAIGHT) -> Sample:
    """The sample as the virtual camera sees it.

    What lies outside the picture is black. The picture is shrunk before it is sampled where a crop px covers several
    of its px, so that nothing aliases.

    Args:
        sample: any.
        side: of the crop, px.
        view: how the camera looks.

    Returns:
        a sample whose picture is the crop, whose camera is the crop's and whose joints, visibility, box (around the
        crop) and mask (perhaps soft at its edge) go with it.
    """
    camera, crop = _camera(sample), crop_camera(sample, side, view)
    planes = np.empty((3, side, side), np.float32)
    sample_crops(sample.image, camera, [crop], planes[None, ::-1])  # the function reads BGR and fills RGB
    mask = None
    if sample.mask is not None:
        softness = np.empty((1, side, side), np.float32)
        sample_crops(sample.mask[..., None], camera, [crop], softness[None])
        mask = np.round(softness[0] * 255).astype(np.uint8)
    ahead = (
        np.concatenate([sample.joints_px, np.ones((len(sample.joints_px), 1))], axis=1)
        @ (crop.K @ crop.rotation @ np.linalg.inv(camera.K)).T
    )
    joints_px = np.where(ahead[:, 2:] > 0, ahead[:, :2] / np.where(ahead[:, 2:] > 0, ahead[:, 2:], 1), np.nan)
    with np.errstate(invalid="ignore"):
        inside = ((joints_px >= -0.5) & (joints_px <= side - 0.5)).all(axis=1)
    cropped = replace(
        sample,
        image=np.round(planes.transpose(1, 2, 0) * 255).astype(np.uint8),
        joints_mm=(sample.joints_mm @ crop.rotation.T).astype(np.float32),
        joints_px=joints_px.astype(np.float32),
        intrinsics=crop.K.astype(np.float32),
        visibility=np.where(inside, sample.visibility, 0).astype(np.uint8),
        box=whole_picture(side, side),
        mask=mask,
    )
    return mirror(cropped) if view.mirrored else cropped


def mirror(sample: Sample) -> Sample:
    """The sample as in a mirror: left and right change places, in the picture and in the names of the joints."""
    width = sample.image.shape[1]
    swap = sample.skeleton.mirror
    intrinsics = sample.intrinsics.copy()
    intrinsics[0, 2] = width - 1 - intrinsics[0, 2]
    intrinsics[0, 1] = -intrinsics[0, 1]
    joints_px = sample.joints_px[swap]
    x1, y1, x2, y2 = sample.box
    return replace(
        sample,
        image=np.ascontiguousarray(sample.image[:, ::-1]),
        joints_mm=sample.joints_mm[swap] * np.array([-1, 1, 1], np.float32),
        joints_px=np.stack([width - 1 - joints_px[:, 0], joints_px[:, 1]], axis=-1),
        intrinsics=intrinsics,
        visibility=sample.visibility[swap],
        box=np.array([width - 1 - x2, y1, width - 1 - x1, y2], np.float32),
        mask=None if sample.mask is None else np.ascontiguousarray(sample.mask[:, ::-1]),
    )


def _camera(sample: Sample) -> Camera:
    height, width = sample.image.shape[:2]
    return Camera(sample.intrinsics.astype(float), np.zeros(0), "pinhole", width, height)
