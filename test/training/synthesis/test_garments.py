"""Shells over the skin: where a garment ends its offset ends, skirts flare downwards, brims stand off in front."""

import dataclasses

import numpy as np
import pytest
import torch

from training.synthesis import mesh_columns as r
from training.synthesis.body import Mesh
from training.synthesis.garments import shell_offsets
from training.synthesis.renderer import Looks

FLAT = torch.full((1, 4, 4), 0.5)
"""Noise that folds nothing."""


def plain_looks(**changes):
    """One person with long sleeves and trousers, no hat; changes: entries of the cut or fields of `Looks`."""
    entries = {"SLEEVE": 0.95, "HEM": 0.05, "NECK": 0.55, "TROUSERS": 0.95, "WAIST": 0.1, "OPENING": -1, "HAT": 9}
    entries |= {"HAIRLINE": 9} | {name: value for name, value in changes.items() if name.isupper()}
    cut = np.zeros((1, 15))
    for name, value in entries.items():
        cut[0, getattr(r, name)] = value
    zero = np.zeros(1)
    looks = Looks.of(
        cut=cut, fabrics=np.zeros((1, 5), int), creases=np.zeros(1, int), edges=np.zeros(1, int),
        faces=np.zeros(1, int), skin=np.zeros((1, 3)), hair=np.zeros((1, 3)), skirt=np.zeros(1, int),
        long_hair=np.zeros(1, bool), looseness=np.array([[0.02, 0.01]]), flare=np.zeros((1, 3)), collar=zero,
        hair_volume=zero, hat=np.zeros((1, 3)), wrinkle=np.zeros((1, 2)),
    )  # fmt: skip
    tensors = {name: torch.tensor(value) for name, value in changes.items() if not name.isupper()}
    return dataclasses.replace(looks, **tensors)


def offset(looks, kind=r.BODY, rest=(0.0, 0.0, 0.0), **fields):
    """Of one vertex; fields: arm, leg, head, foot, hand, scalp, crown; its height is the rest position's."""
    row = {"arm": -0.2, "leg": -1, "height": rest[2], "scalp": -1, "head": 0, "foot": 0, "hand": 0, "crown": -1}
    row |= fields
    values = torch.tensor([[row[name] for name in ("arm", "leg", "height", "scalp", "head", "foot", "hand", "crown")]])
    return shell_offsets(looks, torch.tensor([rest]), values.float(), torch.tensor([kind]), FLAT).item()


def test_sleeves_end_where_they_are_cut():
    short = plain_looks(SLEEVE=0.4)
    assert offset(short, arm=0.3) == pytest.approx(0.022)
    assert offset(short, arm=0.5) == 0


def test_sleeves_and_trousers_flare_towards_their_ends():
    wide = plain_looks(flare=[[0.03, 0.05, 0.0]])
    assert offset(wide, arm=0.9) - offset(wide, arm=0.1) == pytest.approx(0.8 * 0.03, abs=1e-6)
    assert offset(wide, rest=(0.1, 0, -0.7), leg=0.9) == pytest.approx(0.01 + 0.05 * 0.81)


def test_a_skirt_flares_downwards_and_a_coat_lies_over_the_top():
    skirt = plain_looks(flare=[[0.0, 0.0, 0.1]])
    assert offset(skirt, r.SKIRT, (0.1, 0, 0.15)) == pytest.approx(0.01)
    assert offset(skirt, r.SKIRT, (0.1, 0, -0.70)) == pytest.approx(0.11)
    assert offset(plain_looks(COAT=1), r.SKIRT, (0.1, 0, 0.15)) == pytest.approx(0.024)


def test_an_open_jacket_shows_what_is_tighter_below():
    jacket = plain_looks(OPENING=0.05)
    middle, side, back = ((0.02, -0.1, 0.3), (0.1, -0.1, 0.3), (0.02, 0.1, 0.3))
    assert offset(jacket, rest=middle) < offset(jacket, rest=side) == offset(jacket, rest=back)


def test_a_cap_s_brim_stands_off_at_its_edge_in_front_and_a_sun_hat_s_all_round():
    front, back = (0.0, -0.14, 0.74), (0.0, 0.04, 0.74)
    cap, sun_hat = (plain_looks(HAT=0.0, hat=[[0.01, 0.06, all_round]]) for all_round in (0.0, 1.0))
    assert offset(cap, rest=front, head=1, crown=0.001) == pytest.approx(0.01 + 0.06 * (1 - 0.001 / 0.03))
    assert offset(cap, rest=front, head=1, crown=0.05) == pytest.approx(0.01)
    assert offset(cap, rest=back, head=1, crown=0.001) == pytest.approx(0.01)
    assert offset(sun_hat, rest=back, head=1, crown=0.001) == pytest.approx(0.01 + 0.06 * (1 - 0.001 / 0.03))
    assert offset(cap, rest=front, head=1, crown=-0.001) == 0


def test_eyes_and_long_hair_stay_where_they_are():
    assert offset(plain_looks(HAIRLINE=-1, hair_volume=[0.03]), r.EYE, head=1, scalp=0.1) == 0
    assert offset(plain_looks(), r.HAIR_MESH, (0.0, 0.1, 0.4)) == 0


def test_what_hangs_from_the_waist_ends_at_its_hem_and_coats_are_open_in_front():
    heights = np.linspace(0.1, -0.7, 17)
    corners = [[(x, y, z), (x + 0.01, y, z), (x, y, z - 0.05)] for z in heights for x, y in ((0.0, -0.1), (0.0, 0.1))]
    rest = np.array(corners, np.float32).reshape(-1, 3)
    faces = np.arange(len(rest), dtype=np.int32).reshape(-1, 3)
    mesh = Mesh(faces, np.full(len(faces), r.SKIRT, np.int8), rest, np.zeros((len(rest), 8)), np.zeros(3))
    assert not mesh.worn(0, True).any()
    for number, (hem, opening) in enumerate(r.SKIRTS):
        worn = mesh.worn(number, True)
        assert (rest[faces[worn], 2] > hem).all()
        assert not (worn & (rest[faces[:, 0], 1] < 0)).any() or not opening
    assert mesh.worn(4, False).all()
    assert (mesh.vertex_kinds == r.SKIRT).all()
