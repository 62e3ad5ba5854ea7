"""What a scene hands over to a renderer and what comes back: one interface for the CPU's and the GPU's renderer.

Everything is batched: N crops, M people in them, K boxes. Conventions: world frame z up, metres; colours linear RGB;
the renderer draws SUPERSAMPLING pixels per crop pixel and direction.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, Protocol, TypeVar

import numpy as np
import torch
from torch import Tensor

from training.synthesis.lens import distort

CROP_SIDE = 256
"""Pixels of a crop."""

SUPERSAMPLING = 2
"""Rendered pixels per crop pixel and direction."""

RENDERED_SIDE = CROP_SIDE * SUPERSAMPLING

NOBODY, PERSON, OTHER = 0, 1, 2
"""Who owns a pixel: nobody, the person of the labels, anything else in front of the background."""

ROOM, PANORAMA, PHOTOGRAPH = 0, 1, 2
"""Kinds of backdrops."""

PANORAMA_STEP = 4
"""Panoramas are looked up once per so many rendered pixels; they are coarser than that anyway."""

PLAIN = 0.7
"""Albedo of a wall without a pattern."""

NEAREST = 0.05
"""Nothing nearer to the camera than this (m) is drawn."""

_Bundle = TypeVar("_Bundle", bound="Bundle")


@dataclass(frozen=True)
class Bundle:
    """Tensors that belong together."""

    @classmethod
    def of(cls: type[_Bundle], device: torch.device | str = "cpu", **arrays: Any) -> _Bundle:
        """From arrays: floating ones become float32, whole numbers int64; bundles are taken as they are."""
        return cls(**{name: _tensor(value, device) for name, value in arrays.items()})

    def to(self: _Bundle, device: torch.device | str) -> _Bundle:
        """The same on another device."""
        return type(self)(**{field.name: getattr(self, field.name).to(device) for field in fields(self)})

    def rows(self: _Bundle, which: Tensor) -> _Bundle:
        """Some of the entries along the first axis; which: bool or indices."""
        return type(self)(**{field.name: getattr(self, field.name)[which] for field in fields(self)})


def _tensor(value: Any, device: torch.device | str) -> Any:
    if isinstance(value, Bundle):
        return value.to(device)
    tensor = torch.as_tensor(np.ascontiguousarray(value) if isinstance(value, np.ndarray) else value)
    if tensor.is_floating_point():
        tensor = tensor.float()
    elif tensor.dtype != torch.bool:
        tensor = tensor.long()
    return tensor.to(device)


@dataclass(frozen=True)
class Views(Bundle):
    """Virtual cameras that look at boxes, one a crop.

    Attributes:
        rotation: (N, 3, 3) world to camera (x right, y down, z forward). position: (N, 3) m. focal: (N,) crop pixels;
            the optical axis is at ((S-1)/2, (S-1)/2), pixel centres at integers.
        image: (N, 4) left, top, right, bottom of the real image in the real camera's normalised, distorted coordinates.
        lens: (N, 2) k1 and k2 of its distortion.
        to_real: (N, 3, 3) crop camera to real camera. truncated: (N,) bool, whether the image cuts the person.
    """

    rotation: Tensor
    position: Tensor
    focal: Tensor
    image: Tensor
    lens: Tensor
    to_real: Tensor
    truncated: Tensor

    def see(self, points: Tensor) -> Tensor:
        """(N, P, 3) world points in the crop cameras' frames, m."""
        return (points - self.position[:, None]) @ self.rotation.transpose(1, 2)

    def project(self, points: Tensor) -> Tensor:
        """(N, P, 2) crop pixels of points (N, P, 3) in the crop cameras' frames."""
        middle = (CROP_SIDE - 1) / 2
        return points[..., :2] / points[..., 2:].clamp(min=1e-3) * self.focal[:, None, None] + middle

    @property
    def intrinsics(self) -> Tensor:
        """(N, 3, 3)."""
        matrix = torch.zeros(len(self.focal), 3, 3, device=self.focal.device)
        matrix[:, 0, 0] = matrix[:, 1, 1] = self.focal
        matrix[:, :2, 2] = (CROP_SIDE - 1) / 2
        matrix[:, 2, 2] = 1
        return matrix

    def rays(self, step: int = 1) -> Tensor:
        """(N, R, R, 3) directions (camera frame, z = 1) through the middles of blocks of step rendered pixels."""
        middles = torch.arange(0, RENDERED_SIDE, step, device=self.focal.device) + step / 2 - RENDERED_SIDE / 2
        slope = middles / (self.focal[:, None] * SUPERSAMPLING)
        x = slope[:, None, :].expand(-1, len(middles), -1)
        return torch.stack([x, x.transpose(1, 2), torch.ones_like(x)], -1)

    def inside_image(self) -> Tensor:
        """(N, S, S) bool: which crop pixels the real image covers."""
        rays = self.rays(SUPERSAMPLING) @ self.to_real.transpose(1, 2)[:, None]
        plane = distort(rays[..., :2] / rays[..., 2:], self.lens)
        low, high = self.image[:, None, None, :2], self.image[:, None, None, 2:]
        return (rays[..., 2] > 0) & (plane >= low).all(-1) & (plane <= high).all(-1)


@dataclass(frozen=True)
class Lights(Bundle):
    """What shines on each crop: the sky as harmonics (N, 9, 3) times ambient (N,); the sun's direction and its colour,
    (N, 3); the panorama (N,) both come from, by number, turned by `turn` (N,) rad about the vertical."""

    harmonics: Tensor
    ambient: Tensor
    sun: Tensor
    sun_colour: Tensor
    panorama: Tensor
    turn: Tensor


@dataclass(frozen=True)
class Looks(Bundle):
    """What M people wear and look like.

    Attributes:
        cut: (M, 15) where garments end, see mesh_columns. fabrics: (M, 5) of top, bottom, shoes, what is under an open
            jacket, and hat, by number. creases, edges, faces: (M,) which noise shapes folds and borders, which face.
        skin, hair: (M, 3) linear albedo. skirt: (M,) which of SKIRTS hangs from the waist; long_hair: (M,) bool.
        looseness: (M, 2) of top and bottom, m; flare: (M, 3) how much further the ends of sleeves, trousers and skirts
            stand off, m; collar, hair_volume: (M,) m. hat: (M, 3) thickness and brim, m, and 1 if it goes all round.
        wrinkle: (M, 2) where the noise of the folds starts.
    """

    cut: Tensor
    fabrics: Tensor
    creases: Tensor
    edges: Tensor
    faces: Tensor
    skin: Tensor
    hair: Tensor
    skirt: Tensor
    long_hair: Tensor
    looseness: Tensor
    flare: Tensor
    collar: Tensor
    hair_volume: Tensor
    hat: Tensor
    wrinkle: Tensor


@dataclass(frozen=True)
class People(Bundle):
    """M people: naked vertices (M, V, 3) in the world, the crop (M,) each stands in, owner (M,) PERSON or OTHER.

    The first N are the crops' own people, in order.
    """

    vertices: Tensor
    crop: Tensor
    owner: Tensor
    looks: Looks


@dataclass(frozen=True)
class Boxes(Bundle):
    """K upright boxes: crop (K,), centre (K, 3) and size (K, 3) m, heading (K,) rad about the vertical, look (K,) which
    of its crop's four textures and tints it wears."""

    crop: Tensor
    centre: Tensor
    size: Tensor
    heading: Tensor
    look: Tensor


@dataclass(frozen=True)
class Backdrops(Bundle):
    """What is behind the people.

    Attributes:
        kind: (N,) ROOM, PANORAMA or PHOTOGRAPH; defocus: (N,) sigma in rendered pixels, 0 = sharp.
        heading, low, high: (N,), (N, 3), (N, 3) the room: its axes' turn about the vertical (rad), its corners (m).
        fabrics: (N, 3) of floor, walls and ceiling by number, -1 = plain; tints (N, 3, 3); repeats (N, 3) per metre;
            sides (N, 6) brightness of each side.
        photograph, window, brightness, mirrored: (N,) by number; (N, 3) left, top and side in its pixels; (N,); (N,).
    """

    kind: Tensor
    defocus: Tensor
    heading: Tensor
    low: Tensor
    high: Tensor
    fabrics: Tensor
    tints: Tensor
    repeats: Tensor
    sides: Tensor
    photograph: Tensor
    window: Tensor
    brightness: Tensor
    mirrored: Tensor


@dataclass(frozen=True)
class Scenes(Bundle):
    """N crops to draw. ground: (N,) height of the floor, m; shadow: (N,) how dark shadows on it are, 0..1;
    box_fabrics: (N, 4) by number; box_tints: (N, 4, 3)."""

    views: Views
    lights: Lights
    people: People
    boxes: Boxes
    box_fabrics: Tensor
    box_tints: Tensor
    backdrops: Backdrops
    ground: Tensor
    shadow: Tensor

    def __len__(self) -> int:
        return len(self.ground)


@dataclass(frozen=True)
class Planes(Bundle):
    """Drawn crops, R = RENDERED_SIDE.

    Attributes:
        colours: (N, R, R, 3). nearness: (N, R, R) 1 / depth, 0 where nothing stands before the background.
        owner: (N, R, R) uint8. surface: (N, R, R) int64, what is seen: person * F + triangle, of the mesh's F; -1 the
            background; -2 - (6 * box + side) a box.
        whole: (N,) pixels that the person would cover if nothing stood in front.
    """

    colours: Tensor
    nearness: Tensor
    owner: Tensor
    surface: Tensor
    whole: Tensor


class Renderer(Protocol):
    """Draws scenes; which materials it draws with it was told when it was made."""

    def render(self, scenes: Scenes) -> Planes:
        """Planes on the renderer's own device."""
        ...
