"""The GPU's renderer: many crops at a time in torch, so it also runs, slowly, where there is only a CPU."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from training.synthesis.body import BODY_VERTICES
from training.synthesis.garments import shell_offsets
from training.synthesis.light import SHADOW_PIXELS, shadow_views
from training.synthesis.materials import Materials
from training.synthesis.mesh_columns import SKIRTS
from training.synthesis.raster_choice import choose_rasterizer
from training.synthesis.raster_torch import Rasterizer, unpack
from training.synthesis.renderer import (
    NEAREST,
    NOBODY,
    OTHER,
    RENDERED_SIDE,
    SUPERSAMPLING,
    Planes,
    Scenes,
)
from training.synthesis.shading_torch import Lit, Seen, Worn, shade_person, shadow_share
from training.synthesis.solids_torch import intersect_boxes, shade_boxes
from training.synthesis.surroundings_torch import Album, draw_backdrops, plain_fabric


class TorchRenderer:
    """Draws scenes on a device; everything it draws with is uploaded once.

    Args:
        rasterizer: finds nearest triangles; by default the fastest that runs on the device.
    """

    def __init__(self, materials: Materials, device: torch.device | str, rasterizer: Rasterizer | None = None) -> None:
        self._device = device = torch.device(device)
        self._rasterize = rasterizer or choose_rasterizer(device)

        def upload(array: np.ndarray) -> Tensor:
            return torch.from_numpy(np.ascontiguousarray(array)).to(device)

        mesh, wardrobe = materials.mesh, materials.wardrobe
        self._faces, self._kinds = upload(mesh.faces).long(), upload(mesh.kinds).long()
        worn = [mesh.worn(skirt, hair) for skirt in range(len(SKIRTS)) for hair in (False, True)]
        self._worn = upload(np.stack(worn))
        self._neighbours = upload(triangles_of_vertices(mesh.faces, len(mesh.rest)))
        self._rest, self._fields, self._landmarks = upload(mesh.rest), upload(mesh.fields), upload(mesh.landmarks)
        self._vertex_kinds = upload(mesh.vertex_kinds)
        self._painted_faces = upload(wardrobe.faces)
        self._fabrics, self._edges = plain_fabric(upload(wardrobe.fabrics)), upload(wardrobe.edges)
        self._folds = upload(wardrobe.creases[..., :1])
        self._panoramas, self._album = upload(materials.panoramas), Album(materials.photographs, device)

    @torch.no_grad()
    def render(self, scenes: Scenes) -> Planes:
        """Planes of all crops on the renderer's device; scenes: on it too."""
        people, views, lights = scenes.people, scenes.views, scenes.lights
        offsets = shell_offsets(people.looks, self._rest, self._fields, self._vertex_kinds, self._edges)
        naked = people.vertices
        vertices = naked + self.vertex_normals(naked) * offsets[..., None]
        normals = self.vertex_normals(vertices)
        drawn = self._worn[2 * people.looks.skirt + people.looks.long_hair.long()]
        to_shadow = shadow_views(naked[:, :BODY_VERTICES], lights.sun[people.crop])
        maps = self._shadow_maps(vertices, to_shadow, drawn)
        corners = self._project(scenes, vertices)
        keys = torch.zeros(len(scenes), RENDERED_SIDE, RENDERED_SIDE, dtype=torch.int64, device=self._device)
        own = len(scenes)
        self._rasterize(keys, people.crop[:own], corners[:own], self._faces, drawn[:own], 0)
        whole = (keys > 0).sum((1, 2))
        self._rasterize(keys, people.crop[own:], corners[own:], self._faces, drawn[own:], own)
        surface, nearness = unpack(keys)
        rays = views.rays() @ views.rotation[:, None]
        colours = draw_backdrops(scenes, rays, self._fabrics, self._panoramas, self._album, maps, to_shadow)
        box_nearness, box_surface = intersect_boxes(scenes, rays)
        boxed = box_nearness > nearness
        surface, nearness = torch.where(boxed, box_surface, surface), torch.where(boxed, box_nearness, nearness)
        self._paint_boxes(scenes, rays, surface, nearness, colours)
        self._paint_people(scenes, vertices, normals, corners, maps, to_shadow, surface, colours)
        mark = torch.where(surface < 0, OTHER, people.owner[surface.clamp(min=0) // len(self._faces)])
        owner = torch.where(surface == -1, NOBODY, mark).to(torch.uint8)
        return Planes(colours, nearness, owner, surface, whole)

    def vertex_normals(self, vertices: Tensor) -> Tensor:
        """(M, V, 3) area-weighted unit normals of vertices (M, V, 3)."""
        corner = vertices[:, self._faces.reshape(-1)].reshape(len(vertices), -1, 3, 3)
        first = corner[:, :, 0]
        across = torch.linalg.cross(corner[:, :, 1] - first, corner[:, :, 2] - first)
        across = torch.cat([across, torch.zeros_like(across[:, :1])], 1)
        total = torch.zeros_like(vertices)
        for column in self._neighbours.T:
            total += across[:, column]
        return total / (total.square().sum(-1, keepdim=True).sqrt() + 1e-12)

    def _shadow_maps(self, vertices: Tensor, to_shadow: Tensor, drawn: Tensor) -> Tensor:
        """(M, s, s) everybody's nearness to the sun."""
        count = len(vertices)
        keys = torch.zeros(count, SHADOW_PIXELS, SHADOW_PIXELS, dtype=torch.int64, device=self._device)
        points = vertices @ to_shadow[..., :3].transpose(1, 2) + to_shadow[:, None, :, 3]
        self._rasterize(keys, torch.arange(count, device=self._device), points, self._faces, drawn, 0)
        return unpack(keys)[1]

    def _project(self, scenes: Scenes, vertices: Tensor) -> Tensor:
        """(M, V, 3) rendered pixel x and y and nearness, -1 behind the camera."""
        views = scenes.views.rows(scenes.people.crop)
        points = views.see(vertices)
        depth = points[..., 2:]
        nearness = torch.where(depth > NEAREST, 1 / depth.clamp(min=NEAREST), -1.0)
        pixels = points[..., :2] * nearness * (views.focal * SUPERSAMPLING)[:, None, None] + RENDERED_SIDE / 2
        return torch.cat([pixels, nearness], -1)

    def _paint_boxes(self, scenes: Scenes, rays: Tensor, surface: Tensor, nearness: Tensor, colours: Tensor) -> None:
        which = (surface < -1).nonzero(as_tuple=True)
        if not len(which[0]):
            return
        crop, name = which[0], -2 - surface[which]
        places = scenes.views.position[crop] + rays[which] / nearness[which][:, None]
        colours[which] = shade_boxes(scenes, crop, name // 6, name % 6, places, self._fabrics)

    def _paint_people(
        self,
        scenes: Scenes,
        vertices: Tensor,
        normals: Tensor,
        corners: Tensor,
        maps: Tensor,
        to_shadow: Tensor,
        surface: Tensor,
        colours: Tensor,
    ) -> None:
        which = (surface >= 0).nonzero(as_tuple=True)
        if not len(which[0]):
            return
        crop, row, column = which
        person, triangle = surface[which] // len(self._faces), surface[which] % len(self._faces)
        ends = self._faces[triangle]
        share = _barycentric(corners[person[:, None], ends], column + 0.5, row + 0.5)

        def mix(values: Tensor) -> Tensor:
            return (values * share[..., None]).sum(1)

        position = mix(vertices[person[:, None], ends])
        seen = Seen(
            position, mix(normals[person[:, None], ends]), mix(self._rest[ends]), mix(self._fields[ends]),
            self._kinds[triangle],
        )  # fmt: skip
        looks, lights = scenes.people.looks, scenes.lights
        worn = Worn(
            looks.cut[person], looks.fabrics[person], looks.creases[person], looks.edges[person], looks.faces[person],
            looks.skin[person], looks.hair[person], self._fabrics, self._folds, self._edges, self._painted_faces,
            self._landmarks,
        )  # fmt: skip
        transform = to_shadow[person]
        place = (transform[..., :3] * position[:, None]).sum(2) + transform[..., 3]
        light = Lit(
            lights.harmonics[crop], lights.ambient[crop], lights.sun[crop], lights.sun_colour[crop],
            1 - shadow_share(maps, person, place, 1.2, 1, 0.02),
            functional.normalize(scenes.views.position[crop] - position, dim=1),
        )  # fmt: skip
        colours[which] = shade_person(seen, worn, light)


def _barycentric(corners: Tensor, px: Tensor, py: Tensor) -> Tensor:
    """(P, 3) perspective-correct weights of the corners (P, 3, 3), pixel x, y and nearness, at pixels px, py (P,)."""
    (x0, x1, x2), (y0, y1, y2), nearness = corners[..., 0].T, corners[..., 1].T, corners[..., 2]
    area = (x1 - x0) * (y2 - y0) - (x2 - x0) * (y1 - y0)
    l1 = ((px - x0) * (y2 - y0) - (x2 - x0) * (py - y0)) / area
    l2 = ((x1 - x0) * (py - y0) - (px - x0) * (y1 - y0)) / area
    weights = torch.stack([1 - l1 - l2, l1, l2], 1) * nearness
    return weights / weights.sum(1, keepdim=True)


def triangles_of_vertices(faces: np.ndarray, vertices: int) -> np.ndarray:
    """(V, most) which triangles (F, 3) meet in each vertex, filled up with F."""
    corner = np.argsort(faces.reshape(-1), kind="stable")
    vertex = faces.reshape(-1)[corner]
    counts = np.bincount(vertex, minlength=vertices)
    place = np.arange(len(vertex)) - (np.cumsum(counts) - counts)[vertex]
    table = np.full((vertices, counts.max()), len(faces), np.int64)
    table[vertex, place] = corner // 3
    return table
