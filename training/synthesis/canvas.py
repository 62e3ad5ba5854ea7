"""What a crop's camera sees, layer by layer: people and boxes drawn by nearness over a background.

This is the interface to the renderer: one for another processor would offer the same `draw_person` and `draw_boxes`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from training.synthesis import renderer_cpu, renderer_cpu_places
from training.synthesis.appearance import Dressed, Outfit
from training.synthesis.body import Mesh
from training.synthesis.framing import CROP_SIDE, Crop
from training.synthesis.light import Lighting
from training.synthesis.solids import Box, build_solids

SUPERSAMPLING = 2
"""Rendered pixels per crop pixel and direction."""

RENDERED_SIDE = CROP_SIDE * SUPERSAMPLING

NOBODY, PERSON, OTHER = 0, 1, 2
"""Who owns a pixel."""

_NEAREST = 0.05


@dataclass(frozen=True)
class Shadow:
    """What `cast_shadow` returns: nearness to the sun (M, M) and the map (3, 4) from world points to its pixels."""

    nearness: np.ndarray
    to_shadow: np.ndarray


@dataclass
class Canvas:
    """A crop being drawn: linear colours (S, S, 3), nearness (S, S) in 1/m, owner (S, S) of each pixel."""

    crop: Crop
    colours: np.ndarray
    nearness: np.ndarray
    owner: np.ndarray

    @classmethod
    def over(cls, crop: Crop, background: np.ndarray) -> Canvas:
        """A canvas with nothing in front of the background (S, S, 3) yet."""
        size = background.shape[:2]
        return cls(crop, background, np.zeros(size, np.float32), np.full(size, NOBODY, np.uint8))

    def draw_person(
        self, mesh: Mesh, person: Dressed, outfit: Outfit, light: Lighting, shadow: Shadow, owner: int
    ) -> None:
        """Draws a dressed person (world frame) where nothing is nearer."""
        triangle, barycentric, nearness = self._rasterize(person.vertices, person.faces)
        colours = renderer_cpu.shade_person(
            triangle, barycentric, person.faces, person.kinds, person.vertices, person.normals, mesh.rest, mesh.fields,
            outfit.cut, outfit.textures, outfit.edges, outfit.skin, outfit.hair, mesh.landmarks, light.harmonics,
            light.ambient, light.sun, light.sun_colour, shadow.nearness, shadow.to_shadow,
            self.crop.camera.position.astype(np.float32),
        )  # fmt: skip
        self._add(colours, nearness, owner)

    def draw_boxes(self, boxes: list[Box], textures: np.ndarray, tints: np.ndarray, light: Lighting) -> None:
        """Draws boxes (world frame) that wear textures (K, T, T, 3) times tints (K, 3)."""
        solids = build_solids(boxes)
        triangle, barycentric, nearness = self._rasterize(solids.vertices, solids.faces)
        colours = renderer_cpu_places.shade_solids(
            triangle, barycentric, solids.faces, solids.normals, solids.uv, solids.texture_of, textures, tints,
            light.harmonics, light.ambient, light.sun, light.sun_colour,
        )  # fmt: skip
        self._add(colours, nearness, OTHER)

    def blank(self, outside: np.ndarray) -> None:
        """Makes pixels (S, S) bool black: the real image does not reach them."""
        self.colours[outside] = 0
        self.owner[outside] = NOBODY

    def area(self, owner: int) -> int:
        """How many rendered pixels belong to an owner."""
        return int((self.owner == owner).sum())

    def _add(self, colours: np.ndarray, nearness: np.ndarray, owner: int) -> None:
        front = nearness > self.nearness
        self.colours[front] = colours[front]
        self.nearness[front] = nearness[front]
        self.owner[front] = owner

    def _rasterize(self, vertices: np.ndarray, faces: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        focal, centre = renderer_view(self.crop)
        points = self.crop.camera.see(vertices)
        nearness = np.where(points[:, 2] > _NEAREST, 1 / np.maximum(points[:, 2], _NEAREST), -1)
        pixels = points[:, :2] * nearness[:, None] * focal + centre
        corners = np.ascontiguousarray(np.column_stack([pixels, nearness]), np.float32)
        return renderer_cpu.rasterize(corners, faces, RENDERED_SIDE, RENDERED_SIDE)


def renderer_view(crop: Crop) -> tuple[float, float]:
    """Focal length and principal point in the renderer's pixels, whose centres lie at half integers."""
    return crop.focal * SUPERSAMPLING, (float(crop.intrinsics[0, 2]) + 0.5) * SUPERSAMPLING
