"""Training samples in batches: people in places, seen by cameras, with labels. The same for every renderer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from metric_pose_ros.skeleton import BODY_30
from training.synthesis.appearance import Wardrobe, sample_looks
from training.synthesis.assets import Assets
from training.synthesis.background import place_name, sample_backdrops
from training.synthesis.body import BODY_VERTICES
from training.synthesis.framing import frame, sample_cameras
from training.synthesis.joints import DEPTH_INSIDE
from training.synthesis.light import sample_lights
from training.synthesis.patches import hide_behind, sample_patches
from training.synthesis.renderer import (
    CROP_SIDE,
    OTHER,
    PERSON,
    PHOTOGRAPH,
    ROOM,
    SUPERSAMPLING,
    Boxes,
    Looks,
    People,
    Planes,
    Renderer,
    Scenes,
)
from training.synthesis.sensor import degrade, expose, sample_settings
from training.synthesis.solids import BoxPile, add_beds, add_chairs, add_clutter, add_obstacles

OUTSIDE, HIDDEN, SEEN = 0, 1, 2
"""Values of a joint's visibility."""

SMALLEST_AREA, SMALLEST_SHARE = 400, 0.25
"""A person must cover this many rendered pixels, and this share of them stay in sight; else the scene is dropped."""

OTHERS = (0.70, 0.17, 0.08, 0.05)
"""How often 0, 1, 2 and 3 other people stand nearby."""

_LOOKS_OF_BOXES = 4

_LEG = 0.82
"""Length of a middling adult's leg from hip to ankle, m."""


@dataclass(frozen=True)
class Figures:
    """N posed bodies: vertices (N, V, 3) and joints (N, 30, 3), m, z up, standing anywhere near the origin; kinds and
    clips of their poses; names of their bodies."""

    vertices: Tensor
    joints: Tensor
    kinds: Sequence[str]
    clips: Sequence[str]
    bodies: Sequence[str]

    def __len__(self) -> int:
        return len(self.joints)

    def rows(self, which: np.ndarray) -> Figures:
        """Some of them; which: (n,) indices."""
        names = ([column[number] for number in which] for column in (self.kinds, self.clips, self.bodies))
        where = torch.as_tensor(which, device=self.joints.device)
        return Figures(self.vertices[where], self.joints[where], *names)


class Cast(Protocol):
    """Where figures come from."""

    def draw(self, rng: np.random.Generator, count: int) -> Figures:
        """Figures on the renderer's device."""
        ...


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


@dataclass(frozen=True)
class Shots:
    """N samples on the renderer's device: pictures (N, 3, S, S) RGB 0..1 and labels as in `Sample`."""

    pictures: Tensor
    joints_mm: Tensor
    joints_px: Tensor
    intrinsics: Tensor
    visibility: Tensor
    about: Sequence[dict[str, object]]

    def __len__(self) -> int:
        return len(self.pictures)

    @classmethod
    def join(cls, parts: Sequence[Shots], count: int) -> Shots:
        """The first `count` of several."""
        if len(parts) == 1 and len(parts[0]) == count:
            return parts[0]

        def joined(name: str) -> Tensor:
            return torch.cat([getattr(part, name) for part in parts])[:count]

        about = [about for part in parts for about in part.about][:count]
        labels = (joined(name) for name in ("joints_mm", "joints_px", "intrinsics", "visibility"))
        joints_mm, joints_px, intrinsics, visibility = labels
        return cls(joined("pictures"), joints_mm, joints_px, intrinsics, visibility, about)

    def samples(self) -> list[Sample]:
        """One by one, on the CPU."""
        images = (self.pictures * 255).to(torch.uint8).permute(0, 2, 3, 1).cpu().numpy()
        labels = (self.joints_mm, self.joints_px, self.intrinsics, self.visibility)
        columns = [images, *(label.cpu().numpy() for label in labels), self.about]
        return [Sample(*row) for row in zip(*columns, strict=True)]


class SceneMaker:
    """Makes samples of one split with any renderer; `device` is the renderer's."""

    def __init__(
        self,
        cast: Cast,
        renderer: Renderer,
        wardrobe: Wardrobe,
        assets: Assets,
        split: str,
        device: torch.device | str = "cpu",
    ) -> None:
        self._cast, self._renderer, self._wardrobe, self._assets = cast, renderer, wardrobe, assets
        self._split, self._device = split, torch.device(device)
        self._fabrics = torch.from_numpy(wardrobe.fabrics).to(self._device)
        self._depth_inside = torch.tensor([DEPTH_INSIDE[name] for name in BODY_30.names], device=self._device)

    def make(self, rng: np.random.Generator, count: int) -> Shots:
        """Up to `count` samples: scenes that show too little of the person are dropped."""
        scenes, figures = self.compose(rng, count)
        planes = self._renderer.render(scenes)
        return self.finish(rng, scenes, planes, figures)

    def compose(self, rng: np.random.Generator, count: int) -> tuple[Scenes, Figures]:
        """Up to `count` scenes and the people they are about, before anything is drawn."""
        figures = self._cast.draw(rng, count)
        stands = _Stands.of(figures)
        # People on the floor sometimes lie on a bed or a mat.
        lying = np.array([kind == "lie" for kind in figures.kinds])
        bed = np.choose(
            rng.choice(3, count), [np.zeros(count), rng.uniform(0.05, 0.3, count), rng.uniform(0.4, 0.6, count)]
        )
        ground = stands.low[:, 2] - np.where(lying, bed, 0)
        centre = (stands.low + stands.high) / 2
        rotation, position = sample_cameras(rng, centre, ground)
        close = np.linalg.norm(position[:, :2] - centre[:, :2], axis=1) < 2.2
        truncate = rng.random(count) < np.where(close, 0.5, 0.17)
        views, good = frame(
            rng, self._tensor(rotation), self._tensor(position), figures.vertices[:, :BODY_VERTICES], truncate
        )
        kept = np.flatnonzero(good.cpu().numpy())
        views, figures, stands = views.rows(good), figures.rows(kept), stands.rows(kept)
        ground, position, lying = ground[kept], position[kept], lying[kept]
        lights = sample_lights(rng, len(kept), self._assets.panoramas)
        people = self._crowd(rng, figures, stands, ground, position)
        backdrops = sample_backdrops(
            rng, self._assets, len(self._fabrics), views.rotation.double().cpu().numpy(), position, ground
        )
        kind = backdrops.kind.numpy()
        sun = lights.sun_colour[:, 0].numpy()
        shady = ((sun > 0) & (kind != PHOTOGRAPH)) | (rng.random(len(kept)) < 0.4)
        boxes = _furnish(rng, figures, stands, ground, position, lying, kind == ROOM)
        scenes = Scenes.of(
            self._device,
            views=views,
            lights=lights,
            people=people,
            boxes=boxes,
            box_fabrics=rng.integers(len(self._fabrics), size=(len(kept), _LOOKS_OF_BOXES)),
            box_tints=rng.uniform(0.4, 1.1, (len(kept), _LOOKS_OF_BOXES, 3)),
            backdrops=backdrops,
            ground=ground,
            shadow=np.where(shady, np.minimum(0.75, 0.3 + 0.3 * sun), 0),
        )
        return scenes, figures

    def _tensor(self, values: np.ndarray) -> Tensor:
        return torch.as_tensor(values, dtype=torch.float32, device=self._device)

    def _crowd(
        self,
        rng: np.random.Generator,
        figures: Figures,
        stands: _Stands,
        ground: np.ndarray,
        cameras: np.ndarray,
    ) -> People:
        """The crops' own people and some of the others' people standing beside, before or behind them."""
        count = len(figures)
        crop = np.repeat(np.arange(count), rng.choice(len(OTHERS), count, p=OTHERS))
        extra = len(crop)
        who = (crop + rng.integers(1, max(2, count), extra)) % max(1, count)
        towards = np.arctan2(*(cameras - stands.pelvis)[crop][:, 1::-1].T)
        anywhere = rng.uniform(0, 2 * np.pi, extra)
        # Two in five stand roughly between the person and the camera.
        heading = np.where(rng.random(extra) < 0.4, towards + rng.normal(0, 0.5, extra), anywhere)
        reach = np.linalg.norm((cameras - stands.pelvis)[crop][:, :2], axis=1) - 0.8
        distance = np.minimum(rng.uniform(0.4, 1.8, extra), np.maximum(0.4, reach))
        place = stands.pelvis[crop]
        place[:, :2] += distance[:, None] * np.stack([np.cos(heading), np.sin(heading)], 1)
        place[:, 2] = ground[crop] + stands.pelvis[who, 2] - stands.low[who, 2]
        angle = rng.uniform(0, 2 * np.pi, extra)
        spin = np.zeros((extra, 3, 3))
        spin[:, 0, 0] = spin[:, 1, 1] = np.cos(angle)
        spin[:, 1, 0], spin[:, 0, 1], spin[:, 2, 2] = np.sin(angle), -np.sin(angle), 1
        chosen = torch.as_tensor(who, device=self._device)
        around = figures.vertices[chosen] - self._tensor(stands.pelvis[who])[:, None]
        others = around @ self._tensor(spin).transpose(1, 2) + self._tensor(place)[:, None]
        size = np.concatenate([stands.leg, stands.leg[who]]) / _LEG
        looks: Looks = sample_looks(rng, size, self._wardrobe)
        return People.of(
            self._device,
            vertices=torch.cat([figures.vertices, others]),
            crop=np.concatenate([np.arange(count), crop]),
            owner=np.repeat([PERSON, OTHER], [count, extra]),
            looks=looks,
        )

    def finish(self, rng: np.random.Generator, scenes: Scenes, planes: Planes, figures: Figures) -> Shots:
        """The drawn crops as cameras take them, with labels; crops that show too little are left out."""
        views = scenes.views
        inside = views.inside_image()
        fine = inside.repeat_interleave(SUPERSAMPLING, 1).repeat_interleave(SUPERSAMPLING, 2)
        mine = (planes.owner == PERSON) & fine
        area = mine.sum((1, 2))
        good = (planes.whole >= SMALLEST_AREA) & (area >= SMALLEST_SHARE * planes.whole)
        generator = torch.Generator(self._device).manual_seed(int(rng.integers(2**62)))
        count = len(scenes)
        settings = sample_settings(rng, views.focal.cpu().numpy()).to(self._device)
        patches = sample_patches(rng, count, len(self._fabrics)).to(self._device)
        person = mine[:, ::SUPERSAMPLING, ::SUPERSAMPLING]
        exposed = expose(_shrunk(planes.colours) * inside[..., None], person, settings)
        exposed, hidden = hide_behind(exposed, patches, self._fabrics)
        pictures = degrade(exposed.permute(0, 3, 1, 2).contiguous(), settings, generator) * inside[:, None]
        joints = views.see(figures.joints)
        points = views.project(joints)
        seen = self._visibility(points, joints, planes, mine, hidden, inside)
        kept = np.flatnonzero(good.cpu().numpy())
        about = self._describe(scenes, figures, kept, joints[:, 0].norm(dim=1).cpu().numpy())
        return Shots(pictures[good], joints[good] * 1000, points[good], views.intrinsics[good], seen[good], about)

    def _describe(
        self, scenes: Scenes, figures: Figures, kept: np.ndarray, distance: np.ndarray
    ) -> list[dict[str, object]]:
        fabrics = scenes.people.looks.fabrics[: len(scenes)].cpu().tolist()
        truncated = scenes.views.truncated.cpu().tolist()
        backdrops, lights = scenes.backdrops.to("cpu"), scenes.lights.to("cpu")
        return [
            {
                "split": self._split,
                "clip": figures.clips[number],
                "pose_kind": figures.kinds[number],
                "body": figures.bodies[number],
                "texture": f"{self._split}-" + "-".join(str(fabric) for fabric in fabrics[number]),
                "background": place_name(self._assets, backdrops, lights, number),
                "distance_m": round(float(distance[number]), 3),
                "truncated": truncated[number],
            }
            for number in kept
        ]

    def _visibility(
        self, points: Tensor, joints: Tensor, planes: Planes, mine: Tensor, hidden: Tensor, inside: Tensor
    ) -> Tensor:
        """(N, 30) uint8: OUTSIDE the picture, HIDDEN by something (or by the person's own body), or SEEN.

        A joint is seen if the person's surface at its pixel is no further in front of it than that part of a body is
        thick.
        """
        count = len(points)
        crop = torch.arange(count, device=points.device)[:, None]
        column, row = points.round().clamp(-1, CROP_SIDE).long().unbind(-1)
        x, y = column.clamp(0, CROP_SIDE - 1), row.clamp(0, CROP_SIDE - 1)
        in_crop = (joints[..., 2] > 0) & (column == x) & (row == y) & inside[crop, y, x]
        near = torch.zeros_like(in_crop)
        last = CROP_SIDE * SUPERSAMPLING - 1
        for down in range(-1, SUPERSAMPLING + 1):
            for right in range(-1, SUPERSAMPLING + 1):
                v, u = (y * SUPERSAMPLING + down).clamp(0, last), (x * SUPERSAMPLING + right).clamp(0, last)
                depth = 1 / planes.nearness[crop, v, u].clamp(min=1e-6)
                near |= mine[crop, v, u] & (depth > joints[..., 2] - self._depth_inside)
        seen = near & ~hidden[crop, y, x]
        return (in_crop * (1 + seen.to(torch.uint8))).to(torch.uint8)


def _shrunk(colours: Tensor) -> Tensor:
    """(N, S, S, 3) means of the rendered pixels (N, R, R, 3) of each crop pixel."""
    steps = [(down, right) for down in range(SUPERSAMPLING) for right in range(SUPERSAMPLING)]
    total = colours[:, ::SUPERSAMPLING, ::SUPERSAMPLING].clone()
    for down, right in steps[1:]:
        total += colours[:, down::SUPERSAMPLING, right::SUPERSAMPLING]
    return total / len(steps)


@dataclass(frozen=True)
class _Stands:
    """Where N figures are, on the CPU: the bounds low, high (N, 3) of their skin, pelvis (N, 3), across (N, 3) from the
    right hip to the left, seat (N,) height of the skin below the pelvis, leg (N,) length from hip to ankle, m."""

    low: np.ndarray
    high: np.ndarray
    pelvis: np.ndarray
    across: np.ndarray
    seat: np.ndarray
    leg: np.ndarray

    @classmethod
    def of(cls, figures: Figures) -> _Stands:
        skin = figures.vertices[:, :BODY_VERTICES]
        pelvis, left, right = figures.joints[:, BODY_30.indices(("pelvis", "left_hip", "right_hip"))].unbind(1)
        beside = (skin[..., :2] - pelvis[:, None, :2]).norm(dim=2) < 0.15
        seat = torch.where(beside, skin[..., 2], torch.inf).amin(1)
        knee, ankle = figures.joints[:, BODY_30.indices(("left_knee", "left_ankle"))].unbind(1)
        leg = (knee - left).norm(dim=1) + (ankle - knee).norm(dim=1)
        columns = torch.cat([skin.amin(1), skin.amax(1), pelvis, left - right, seat[:, None], leg[:, None]], 1)
        low, high, middle, across, height, leg = np.split(columns.double().cpu().numpy(), (3, 6, 9, 12, 13), axis=1)
        return cls(low, high, middle, across, height[:, 0], leg[:, 0])

    def rows(self, which: np.ndarray) -> _Stands:
        return _Stands(*(getattr(self, field.name)[which] for field in fields(self)))


def _furnish(
    rng: np.random.Generator,
    figures: Figures,
    stands: _Stands,
    ground: np.ndarray,
    camera: np.ndarray,
    lying: np.ndarray,
    in_room: np.ndarray,
) -> Boxes:
    """Furniture: what people sit and lie on, what hides them, what stands behind."""
    pile = BoxPile()
    count = len(figures)
    sitting = np.array([kind == "sit" for kind in figures.kinds], bool) & (rng.random(count) < 0.8)
    some = np.flatnonzero(sitting)
    seat = np.column_stack([stands.pelvis[some, :2], stands.seat[some] + 0.01])
    # A quarter turn to the right of the person's left.
    heading = np.arctan2(-stands.across[some, 0], stands.across[some, 1])
    add_chairs(rng, pile, some, seat, ground[some], heading)
    some = np.flatnonzero(lying & (stands.low[:, 2] - ground > 0.01))
    add_beds(rng, pile, some, (stands.low + stands.high)[some] / 2, ground[some], stands.low[some, 2] + 0.01)
    some = np.flatnonzero(rng.random(count) < 0.12)
    add_obstacles(rng, pile, some, stands.pelvis[some], camera[some], ground[some], (stands.high - stands.low)[some, 2])
    some = np.flatnonzero(in_room | (rng.random(count) < 0.1))
    add_clutter(rng, pile, some, stands.pelvis[some], camera[some], ground[some], _LOOKS_OF_BOXES)
    return pile.boxes()
