"""The CPU's renderer: crops drawn one after the other by the Numba kernels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from training.synthesis import renderer_cpu, renderer_cpu_places, shading_cpu
from training.synthesis.body import BODY_VERTICES
from training.synthesis.garments import shell_offsets
from training.synthesis.light import SHADOW_PIXELS, shadow_views
from training.synthesis.materials import Materials
from training.synthesis.renderer import (
    NEAREST,
    NOBODY,
    OTHER,
    PERSON,
    RENDERED_SIDE,
    SUPERSAMPLING,
    Planes,
    Scenes,
)
from training.synthesis.solids import build_solids
from training.synthesis.surroundings_cpu import draw_backdrop


@dataclass(frozen=True)
class Dressed:
    """A person ready to be drawn: vertices and normals (V, 3), which triangles are worn (F,), their corners (f, 3) and
    kinds (f,), and the person's shadow map (M, M) with the map (3, 4) that leads to it."""

    vertices: np.ndarray
    normals: np.ndarray
    worn: np.ndarray
    faces: np.ndarray
    kinds: np.ndarray
    shadow: np.ndarray
    to_shadow: np.ndarray


@dataclass
class _Canvas:
    """One crop being drawn, see `Planes`."""

    colours: np.ndarray
    nearness: np.ndarray
    owner: np.ndarray
    surface: np.ndarray

    def add(
        self, colours: np.ndarray, nearness: np.ndarray, owner: int, triangle: np.ndarray, surfaces: np.ndarray
    ) -> None:
        """Puts a layer where it is nearer than what is there; surfaces: what each of its triangles is called."""
        renderer_cpu_places.overlay(
            self.colours, self.nearness, self.owner, self.surface, colours, nearness, owner, triangle, surfaces
        )


class CpuRenderer:
    """Draws scenes with Numba on one core."""

    def __init__(self, materials: Materials) -> None:
        self._materials = materials
        mesh = materials.mesh
        self._vertex_kinds = torch.from_numpy(mesh.vertex_kinds)
        self._rest, self._fields = torch.from_numpy(mesh.rest), torch.from_numpy(mesh.fields)
        self._edges = torch.from_numpy(materials.wardrobe.edges)
        self._worn: dict[tuple[int, bool], tuple[np.ndarray, np.ndarray, np.ndarray]] = {}

    def render(self, scenes: Scenes) -> Planes:
        """Planes of all crops, on the CPU."""
        people = scenes.people
        offsets = shell_offsets(people.looks, self._rest, self._fields, self._vertex_kinds, self._edges).numpy()
        to_shadow = shadow_views(people.vertices[:, :BODY_VERTICES], scenes.lights.sun[people.crop]).numpy()
        everybody = [self._dress(scenes, number, offsets[number], to_shadow[number]) for number in range(len(offsets))]
        side = RENDERED_SIDE
        size = (len(scenes), side, side)
        colours, nearness = np.empty((*size, 3), np.float32), np.zeros(size, np.float32)
        owner, surface = np.full(size, NOBODY, np.uint8), np.full(size, -1, np.int64)
        whole = np.zeros(len(scenes), np.int64)
        crops, box_crops = people.crop.numpy(), scenes.boxes.crop.numpy()
        for crop in range(len(scenes)):
            here = np.flatnonzero(crops == crop)
            draw_backdrop(self._materials, scenes, crop, [everybody[person] for person in here], colours[crop])
            canvas = _Canvas(colours[crop], nearness[crop], owner[crop], surface[crop])
            for person in here:
                mark = int(people.owner[person])
                self._draw_person(scenes, crop, int(person), everybody[person], mark, canvas)
                if mark == PERSON:
                    whole[crop] = (canvas.owner == PERSON).sum()
            boxes = np.flatnonzero(box_crops == crop)
            if len(boxes):
                self._draw_boxes(scenes, crop, boxes, canvas)
        return Planes(*(torch.from_numpy(plane) for plane in (colours, nearness, owner, surface, whole)))

    def _dress(self, scenes: Scenes, person: int, offset: np.ndarray, to_shadow: np.ndarray) -> Dressed:
        mesh, looks = self._materials.mesh, scenes.people.looks
        key = int(looks.skirt[person]), bool(looks.long_hair[person])
        if key not in self._worn:
            worn = np.flatnonzero(mesh.worn(*key))
            self._worn[key] = worn, np.ascontiguousarray(mesh.faces[worn]), np.ascontiguousarray(mesh.kinds[worn])
        worn, faces, kinds = self._worn[key]
        naked = np.ascontiguousarray(scenes.people.vertices[person].numpy())
        vertices = naked + renderer_cpu.vertex_normals(naked, mesh.faces) * offset[:, None]
        points = vertices @ to_shadow[:, :3].T + to_shadow[:, 3]
        _, _, shadow = renderer_cpu.rasterize(np.ascontiguousarray(points), faces, SHADOW_PIXELS, SHADOW_PIXELS)
        normals = renderer_cpu.vertex_normals(vertices, faces)
        return Dressed(vertices, normals, worn, faces, kinds, shadow, to_shadow)

    def _draw_person(
        self, scenes: Scenes, crop: int, person: int, dressed: Dressed, owner: int, canvas: _Canvas
    ) -> None:
        mesh, wardrobe = self._materials.mesh, self._materials.wardrobe
        looks, lights = scenes.people.looks, scenes.lights
        triangle, barycentric, nearness = _rasterize(scenes, crop, dressed.vertices, dressed.faces)
        textures = np.stack([*wardrobe.fabrics[looks.fabrics[person]], wardrobe.creases[looks.creases[person]]])
        colours = shading_cpu.shade_person(
            triangle, barycentric, dressed.faces, dressed.kinds, dressed.vertices, dressed.normals, mesh.rest,
            mesh.fields, looks.cut[person].numpy(), textures, wardrobe.edges[looks.edges[person]],
            wardrobe.faces[looks.faces[person]], looks.skin[person].numpy(), looks.hair[person].numpy(), mesh.landmarks,
            lights.harmonics[crop].numpy(), np.float32(lights.ambient[crop]), lights.sun[crop].numpy(),
            lights.sun_colour[crop].numpy(), dressed.shadow, dressed.to_shadow, scenes.views.position[crop].numpy(),
        )  # fmt: skip
        canvas.add(colours, nearness, owner, triangle, person * len(mesh.faces) + dressed.worn)

    def _draw_boxes(self, scenes: Scenes, crop: int, which: np.ndarray, canvas: _Canvas) -> None:
        boxes, lights = scenes.boxes, scenes.lights
        parts = (boxes.centre[which], boxes.size[which], boxes.heading[which], boxes.look[which])
        solids = build_solids(*(part.numpy() for part in parts))
        triangle, barycentric, nearness = _rasterize(scenes, crop, solids.vertices, solids.faces)
        colours = renderer_cpu_places.shade_solids(
            triangle, barycentric, solids.faces, solids.normals, solids.uv, solids.texture_of,
            self._materials.wardrobe.fabrics[scenes.box_fabrics[crop]], scenes.box_tints[crop].numpy(),
            lights.harmonics[crop].numpy(), np.float32(lights.ambient[crop]), lights.sun[crop].numpy(),
            lights.sun_colour[crop].numpy(),
        )  # fmt: skip
        side = np.arange(len(solids.faces)) // 2
        canvas.add(colours, nearness, OTHER, triangle, -2 - (6 * which[side // 6] + side % 6))


def _rasterize(
    scenes: Scenes, crop: int, vertices: np.ndarray, faces: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """`rasterize` of world vertices (V, 3) in a crop's view."""
    views = scenes.views
    points = (vertices - views.position[crop].numpy()) @ views.rotation[crop].numpy().T
    nearness = np.where(points[:, 2] > NEAREST, 1 / np.maximum(points[:, 2], NEAREST), -1)
    focal = float(views.focal[crop]) * SUPERSAMPLING
    pixels = points[:, :2] * nearness[:, None] * focal + RENDERED_SIDE / 2
    corners = np.ascontiguousarray(np.column_stack([pixels, nearness]), np.float32)
    return renderer_cpu.rasterize(corners, faces, RENDERED_SIDE, RENDERED_SIDE)
