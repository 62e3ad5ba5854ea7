"""One training sample: a person in a place, seen by a camera, with labels."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from metric_pose_ros.skeleton import BODY_30
from training.synthesis.appearance import Outfit, Wardrobe, dress, sample_outfit
from training.synthesis.assets import Assets
from training.synthesis.background import darken_ground, defocus, sample_background
from training.synthesis.body import BODY_VERTICES, Mesh
from training.synthesis.canvas import OTHER, PERSON, SUPERSAMPLING, Canvas, Shadow
from training.synthesis.framing import CROP_SIDE, Crop, sample_camera, sample_crop
from training.synthesis.joints import DEPTH_INSIDE
from training.synthesis.light import Lighting, cast_shadow, sample_lighting
from training.synthesis.sensor import degrade, expose, hide_behind_shapes
from training.synthesis.solids import Box, chair, clutter, obstacle

OUTSIDE, HIDDEN, SEEN = 0, 1, 2
"""Values of a joint's visibility."""

SMALLEST_AREA, SMALLEST_SHARE = 400, 0.3
"""A person must cover this many rendered pixels, and this share of them stay in sight; else the scene is redrawn."""

_DEPTH_INSIDE = np.array([DEPTH_INSIDE[name] for name in BODY_30.names])


@dataclass(frozen=True)
class Figure:
    """A posed body: vertices (V, 3) and joints (30, 3), m, z up; kind and clip of its pose; body: its name."""

    vertices: np.ndarray
    joints: np.ndarray
    kind: str
    clip: str
    body: str

    @property
    def skin(self) -> np.ndarray:
        """(13380, 3) its vertices without helper meshes."""
        return self.vertices[:BODY_VERTICES]


@dataclass(frozen=True)
class Sample:
    """One crop and its labels.

    Attributes:
        image: (256, 256, 3) uint8 RGB. joints_mm: (30, 3) in the crop camera. joints_px: (30, 2), the centre of the
            top-left pixel is (0, 0). intrinsics: (3, 3). visibility: (30,) OUTSIDE, HIDDEN or SEEN.
        about: split, clip, pose_kind, body, texture, background, distance_m, truncated.
    """

    image: np.ndarray
    joints_mm: np.ndarray
    joints_px: np.ndarray
    intrinsics: np.ndarray
    visibility: np.ndarray
    about: dict[str, object]


class SceneMaker:
    """Makes samples of one split."""

    def __init__(self, mesh: Mesh, wardrobe: Wardrobe, assets: Assets, split: str) -> None:
        self._mesh, self._wardrobe, self._assets, self._split = mesh, wardrobe, assets, split

    def make(self, rng: np.random.Generator, figure: Figure, other: Figure) -> Sample:
        """Renders `figure`; `other` may stand nearby. Tries scenes until one shows enough of the person."""
        while True:
            sample = self._try(rng, figure, other)
            if sample is not None:
                return sample

    def _try(self, rng: np.random.Generator, figure: Figure, other: Figure) -> Sample | None:
        ground = float(figure.skin[:, 2].min())
        centre = (figure.skin.min(0) + figure.skin.max(0)) / 2
        camera = sample_camera(rng, centre, ground)
        close = np.linalg.norm(camera.position[:2] - centre[:2]) < 2.2
        crop = sample_crop(rng, camera, figure.skin, bool(rng.random() < (0.5 if close else 0.17)))
        if crop is None:
            return None
        light = sample_lighting(rng, self._assets.panoramas)
        outfit = sample_outfit(rng, self._wardrobe)
        person = dress(rng, self._mesh, figure.vertices, outfit)
        shadow = Shadow(*cast_shadow(person.vertices, person.faces, light.sun))
        colours, place = sample_background(rng, self._assets, self._wardrobe, crop, light, ground)
        sun = float(light.sun_colour[0])
        if (sun > 0 and not place.startswith("photograph")) or rng.random() < 0.4:
            darken_ground(colours, crop, ground, shadow, min(0.75, 0.3 + 0.3 * sun))
        canvas = Canvas.over(crop, defocus(rng, colours))
        canvas.draw_person(self._mesh, person, outfit, light, shadow, PERSON)
        whole = canvas.area(PERSON)
        boxes = _boxes(rng, figure, crop, ground, place)
        if boxes:
            fabrics = self._wardrobe.fabrics[rng.integers(len(self._wardrobe.fabrics), size=4)]
            canvas.draw_boxes(boxes, fabrics, rng.uniform(0.4, 1.1, (4, 3)).astype(np.float32), light)
        if rng.random() < 0.14:
            self._draw_other(rng, canvas, light, other, np.append(centre[:2], ground))
        inside = crop.inside_image(SUPERSAMPLING)
        canvas.blank(~inside)
        if whole < SMALLEST_AREA or canvas.area(PERSON) < SMALLEST_SHARE * whole:
            return None
        return self._photograph(rng, canvas, inside, figure, outfit, place)

    def _draw_other(
        self, rng: np.random.Generator, canvas: Canvas, light: Lighting, other: Figure, place: np.ndarray
    ) -> None:
        """Puts somebody else 0.5 to 1.5 m from `place` (3,), a point on the floor."""
        heading = rng.uniform(0, 2 * np.pi)
        away = rng.uniform(0.5, 1.5) * np.array([np.cos(heading), np.sin(heading), 0])
        stands_on = np.append(other.joints[0, :2], other.skin[:, 2].min())
        outfit = sample_outfit(rng, self._wardrobe)
        person = dress(rng, self._mesh, other.vertices + (place + away - stands_on).astype(np.float32), outfit)
        shadow = Shadow(*cast_shadow(person.vertices, person.faces, light.sun))
        canvas.draw_person(self._mesh, person, outfit, light, shadow, OTHER)

    def _photograph(
        self, rng: np.random.Generator, canvas: Canvas, inside: np.ndarray, figure: Figure, outfit: Outfit, place: str
    ) -> Sample:
        """The finished canvas as the camera takes it, with labels; inside: (S, S) where the real image reaches."""
        crop, size = canvas.crop, (CROP_SIDE, CROP_SIDE)
        mine = canvas.owner[::SUPERSAMPLING, ::SUPERSAMPLING] == PERSON
        image = expose(rng, cv2.resize(canvas.colours, size, interpolation=cv2.INTER_AREA), mine).astype(np.float32)
        hidden = np.zeros(size, bool)
        if rng.random() < 0.15:
            image, hidden = hide_behind_shapes(rng, image, self._assets.photographs)
        covered = cv2.resize(inside.astype(np.float32), size, interpolation=cv2.INTER_AREA) > 0.5
        real_focal = float(np.exp(rng.uniform(np.log(350), np.log(1600))))
        pixels = degrade(rng, image, real_focal / crop.focal)
        joints = crop.camera.see(figure.joints)
        points = crop.project(joints)
        return Sample(
            image=np.where(covered[..., None], pixels, 0).astype(np.uint8),
            joints_mm=(joints * 1000).astype(np.float32),
            joints_px=points.astype(np.float32),
            intrinsics=crop.intrinsics.astype(np.float32),
            visibility=_visibility(points, joints, canvas, hidden, covered),
            about={
                "split": self._split,
                "clip": figure.clip,
                "pose_kind": figure.kind,
                "body": figure.body,
                "texture": f"{self._split}-{outfit.texture}",
                "background": place,
                "distance_m": round(float(np.linalg.norm(joints[0])), 3),
                "truncated": crop.truncated,
            },
        )


def _boxes(rng: np.random.Generator, figure: Figure, crop: Crop, ground: float, place: str) -> list[Box]:
    """Furniture: what the person sits on, what hides them, what stands behind."""
    boxes: list[Box] = []
    pelvis, left_hip, right_hip = figure.joints[BODY_30.indices(("pelvis", "left_hip", "right_hip"))]
    if figure.kind == "sit" and rng.random() < 0.8:
        near = figure.skin[np.linalg.norm(figure.skin[:, :2] - pelvis[:2], axis=1) < 0.15]
        across = left_hip - right_hip
        heading = float(np.arctan2(-across[0], across[1]))  # a quarter turn to the right of the person's left
        boxes += chair(rng, np.array([pelvis[0], pelvis[1], near[:, 2].min() + 0.01]), ground, heading)
    if rng.random() < 0.12:
        boxes += obstacle(rng, pelvis, crop.camera.position, ground, float(np.ptp(figure.skin[:, 2])))
    if place == "room" or rng.random() < 0.1:
        boxes += clutter(rng, pelvis, crop.camera.position, ground, looks=4)
    return boxes


def _visibility(
    points: np.ndarray, joints: np.ndarray, canvas: Canvas, hidden: np.ndarray, covered: np.ndarray
) -> np.ndarray:
    """(30,) uint8: OUTSIDE the picture, HIDDEN by something (or by the person's own body), or SEEN.

    A joint is seen if the person's surface at its pixel is no further in front of it than that part of a body is thick.
    """
    result = np.full(len(points), OUTSIDE, np.uint8)
    for number, (x, y) in enumerate(np.round(points).astype(int)):
        in_crop = joints[number, 2] > 0 and 0 <= x < CROP_SIDE and 0 <= y < CROP_SIDE
        if not in_crop or not covered[y, x]:
            continue
        row, column = y * SUPERSAMPLING, x * SUPERSAMPLING
        window = np.s_[max(0, row - 1) : row + 3, max(0, column - 1) : column + 3]
        depth = 1 / np.maximum(canvas.nearness[window], 1e-6)
        surface_is_near = (canvas.owner[window] == PERSON) & (depth > joints[number, 2] - _DEPTH_INSIDE[number])
        result[number] = SEEN if surface_is_near.any() and not hidden[y, x] else HIDDEN
    return result
