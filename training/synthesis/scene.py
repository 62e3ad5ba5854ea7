"""Training samples in batches: people in places, seen by cameras, with labels. The same for every renderer."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from metric_pose_ros.skeleton import BODY_30
from training.synthesis.appearance import Wardrobe
from training.synthesis.assets import Assets
from training.synthesis.background import place_name, sample_backdrops
from training.synthesis.body import BODY_VERTICES
from training.synthesis.figures import Cast, Figures
from training.synthesis.framing import STRANGERS, frame, sample_cameras
from training.synthesis.joints import DEPTH_INSIDE
from training.synthesis.light import sample_lights
from training.synthesis.outfits import sample_looks
from training.synthesis.patches import hide_behind, sample_patches
from training.synthesis.renderer import (
    CROP_SIDE,
    OTHER,
    PERSON,
    PHOTOGRAPH,
    ROOM,
    SUPERSAMPLING,
    People,
    Planes,
    Renderer,
    Scenes,
)
from training.synthesis.sensor import degrade, expose, sample_settings
from training.synthesis.shots import Shots
from training.synthesis.staging import LOOKS_OF_BOXES, Bystanders, Stands, furnish, place_bystanders

SMALLEST_AREA, SMALLEST_SHARE = 400, 0.25
"""A person must cover this many rendered pixels, and this share of them stay in sight; else the scene is dropped."""


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
        # Who is measured is a stranger: the second look is the estimator's own.
        self._strangers = 1.0 if split == "test" else STRANGERS
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
        stands = Stands.of(figures)
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
            rng, self._tensor(rotation), self._tensor(position), figures.vertices[:, :BODY_VERTICES], figures.joints,
            truncate, self._strangers,
        )  # fmt: skip
        kept = np.flatnonzero(good.cpu().numpy())
        views, figures, stands = views.rows(good), figures.rows(kept), stands.rows(kept)
        ground, position, lying = ground[kept], position[kept], lying[kept]
        lights = sample_lights(rng, len(kept), self._assets.panoramas)
        people = self._crowd(rng, figures, stands, place_bystanders(rng, stands, ground, position))
        backdrops = sample_backdrops(
            rng, self._assets, len(self._fabrics), views.rotation.double().cpu().numpy(), position, ground
        )
        kind = backdrops.kind.numpy()
        sun = lights.sun_colour[:, 0].numpy()
        shady = ((sun > 0) & (kind != PHOTOGRAPH)) | (rng.random(len(kept)) < 0.4)
        boxes = furnish(rng, figures, stands, ground, position, lying, kind == ROOM)
        scenes = Scenes.of(
            self._device,
            views=views,
            lights=lights,
            people=people,
            boxes=boxes,
            box_fabrics=rng.integers(len(self._fabrics), size=(len(kept), LOOKS_OF_BOXES)),
            box_tints=rng.uniform(0.4, 1.1, (len(kept), LOOKS_OF_BOXES, 3)),
            backdrops=backdrops,
            ground=ground,
            shadow=np.where(shady, np.minimum(0.75, 0.3 + 0.3 * sun), 0),
        )
        return scenes, figures

    def _tensor(self, values: np.ndarray) -> Tensor:
        return torch.as_tensor(values, dtype=torch.float32, device=self._device)

    def _crowd(self, rng: np.random.Generator, figures: Figures, stands: Stands, around: Bystanders) -> People:
        """The crops' own people and those around them, dressed."""
        count, extra = len(figures), len(around.crop)
        chosen = torch.as_tensor(around.who, device=self._device)
        centred = figures.vertices[chosen] - self._tensor(stands.pelvis[around.who])[:, None]
        others = centred @ self._tensor(around.spin).transpose(1, 2) + self._tensor(around.place)[:, None]
        size = np.concatenate([stands.size, stands.size[around.who]])
        return People.of(
            self._device,
            vertices=torch.cat([figures.vertices, others]),
            crop=np.concatenate([np.arange(count), around.crop]),
            owner=np.repeat([PERSON, OTHER], [count, extra]),
            looks=sample_looks(rng, size, self._wardrobe),
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
        about = self._describe(scenes, figures, kept, joints[:, 0].norm(dim=1).cpu().numpy(), _bounds(mine))
        return Shots(pictures[good], joints[good] * 1000, points[good], views.intrinsics[good], seen[good], about)

    def _describe(
        self, scenes: Scenes, figures: Figures, kept: np.ndarray, distance: np.ndarray, boxes: np.ndarray
    ) -> list[dict[str, object]]:
        fabrics = scenes.people.looks.fabrics[: len(scenes)].cpu().tolist()
        views = scenes.views.to("cpu")
        truncated, ground, lenses = views.truncated.tolist(), scenes.ground.cpu(), views.lens.numpy().round(4).tolist()
        height = (views.position[:, 2] - ground).tolist()
        forward = (views.to_real @ views.rotation)[:, 2]
        pitch = torch.rad2deg(torch.asin(-forward[:, 2].clamp(-1, 1))).tolist()
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
                "box_px": boxes[number].tolist(),
                "camera_height_m": round(height[number], 3),
                "camera_pitch_deg": round(pitch[number], 1),
                "lens": lenses[number],
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


def _bounds(mine: Tensor) -> np.ndarray:
    """(N, 4) left, top, right, bottom in crop pixels of what rendered pixels (N, R, R) show; NaN where nothing."""
    bounds: np.ndarray = np.full((len(mine), 4), np.nan)
    for column, seen in enumerate((mine.any(1).cpu().numpy(), mine.any(2).cpu().numpy())):
        some = seen.any(1)
        first, last = seen.argmax(1), seen.shape[1] - seen[:, ::-1].argmax(1)
        bounds[some, column] = (first / SUPERSAMPLING - 0.5)[some]
        bounds[some, column + 2] = (last / SUPERSAMPLING - 0.5)[some]
    return bounds
