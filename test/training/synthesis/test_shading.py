"""The two renderers agree, pixel by pixel, on what a point is made of and which colour that has."""

import numpy as np
import pytest
import torch

from training.synthesis import mesh_columns as r
from training.synthesis.appearance import Wardrobe
from training.synthesis.outfits import sample_looks
from training.synthesis.shading_cpu import material_of, paint
from training.synthesis.shading_torch import Seen, Worn, albedo_of, materials_of

COUNT = 2000
LANDMARKS = np.array([0.0295, -0.119, 0.6968], np.float32)


@pytest.fixture(scope="module")
def wardrobe():
    """A small one with small pictures."""
    whole = Wardrobe.build(1, [], count=6)
    coarse = (np.ascontiguousarray(part[:, ::8, ::8]) for part in (whole.fabrics, whole.creases, whole.faces))
    return Wardrobe(next(coarse), whole.edges, next(coarse), next(coarse))


@pytest.fixture(scope="module")
def points(wardrobe):
    """Random points all over a body, each of somebody else, as both renderers take them; and the noise at edges."""
    rng = np.random.default_rng(0)
    rest = rng.uniform([-0.4, -0.17, -0.8], [0.4, 0.1, 0.82], (COUNT, 3))
    head = rng.random(COUNT) < 0.4
    rest[head] = rng.uniform([-0.09, -0.16, 0.56], [0.09, 0.05, 0.81], (head.sum(), 3))
    fields = np.column_stack(
        [
            np.where(rng.random(COUNT) < 0.5, -0.2, rng.uniform(0, 1.05, COUNT)),
            (0.076 - rest[:, 2]) / 0.825,
            rest[:, 2],
            np.where(head, rng.uniform(-0.1, 0.1, COUNT), -1),
            head,
            ~head & (rng.random(COUNT) < 0.1),
            ~head & (rng.random(COUNT) < 0.1),
            np.where(head, rng.uniform(-0.15, 0.1, COUNT), -1),
        ]
    )
    kinds = rng.choice(4, COUNT, p=[0.7, 0.1, 0.1, 0.1])
    looks = sample_looks(rng, rng.uniform(0.5, 1.1, COUNT), wardrobe)
    looks.cut[::2, r.OPENING] = 0.15
    position = torch.zeros(COUNT, 3)
    seen = Seen(position, position, torch.tensor(rest).float(), torch.tensor(fields).float(), torch.tensor(kinds))
    worn = Worn(
        looks.cut, looks.fabrics, looks.creases, looks.edges, looks.faces, looks.skin, looks.hair,
        torch.from_numpy(wardrobe.fabrics), torch.from_numpy(wardrobe.creases[..., :1]),
        torch.from_numpy(wardrobe.edges), torch.from_numpy(wardrobe.faces), torch.from_numpy(LANDMARKS),
    )  # fmt: skip
    return seen, worn, torch.tensor(rng.uniform(-0.5, 0.5, COUNT)).float()


def on_the_cpu(points, wardrobe):
    """(COUNT,) materials and (COUNT, 3) albedos by the Numba renderer."""
    seen, worn, edges = points
    materials, colours = np.empty(COUNT, int), np.empty((COUNT, 3), np.float32)
    for number in range(COUNT):
        rest, field, cut = (part[number].numpy() for part in (seen.rest, seen.fields, worn.cut))
        edge = edges[number].numpy()[()]
        materials[number] = material_of(int(seen.kind[number]), field, rest[0], rest[1], edge, cut)
        textures = np.stack([*wardrobe.fabrics[worn.fabrics[number]], wardrobe.creases[worn.creases[number]]])
        paint(
            colours[number], materials[number], field, *rest, edge, cut, textures,
            wardrobe.faces[worn.faces[number]], worn.skin[number].numpy(), worn.hair[number].numpy(),
            LANDMARKS[0], LANDMARKS[2],
        )  # fmt: skip
    return materials, colours


def test_materials_and_albedos_are_the_same(points, wardrobe):
    materials, colours = on_the_cpu(points, wardrobe)
    theirs = materials_of(*points)
    assert np.bincount(materials, minlength=8).min() > 15
    assert np.mean(theirs.numpy() == materials) > 0.999
    same = theirs.numpy() == materials
    albedo = albedo_of(points[0], points[1], theirs, points[2]).numpy()
    assert np.abs(albedo - colours)[same].max() < 0.01
    assert np.abs(albedo - colours)[same].mean() < 1e-4


def test_hats_hide_hair_hoods_are_of_the_jacket_s_cloth_and_sunglasses_cover_eyes():
    field = np.zeros(8, np.float32)
    field[r.HEAD], field[r.SCALP], field[r.CROWN] = 1, 0.05, 0.02
    cut = np.zeros(15, np.float32)
    cut[r.HAT] = 9
    assert material_of(r.BODY, field, 0.0, 0.0, 0.0, cut) == r.HAIR
    assert material_of(r.BODY, field, 0.0, 0.0, 0.0, np.where(np.arange(15) == r.HOOD, 1, cut)) == r.TOP
    assert material_of(r.HAIR_MESH, field, 0.0, 0.0, 0.0, np.where(np.arange(15) == r.HAT, 0, cut)) == r.HEADGEAR
    colour, face = np.zeros(3, np.float32), np.full((8, 8, 4), 0.06, np.float32)
    blank, black = np.zeros((6, 2, 2, 3), np.float32), np.zeros(3, np.float32)
    paint(colour, r.EYEBALL, field, 0.04, -0.12, 0.69, 0.0, cut, blank, face, black, black, LANDMARKS[0], LANDMARKS[2])
    assert colour == pytest.approx(np.full(3, 0.62 * 0.06), rel=1e-3)
