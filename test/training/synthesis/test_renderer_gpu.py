"""The GPU's renderer draws what the CPU's draws: the same triangles, colours and labels."""

import dataclasses
import os
import subprocess
import sys

import numpy as np
import pytest
import torch

from test.training.synthesis.stage import make_stage
from training.synthesis.drawing_cpu import CpuRenderer
from training.synthesis.raster_choice import choose_rasterizer
from training.synthesis.raster_torch import rasterize, unpack
from training.synthesis.renderer import PANORAMA, PHOTOGRAPH, ROOM
from training.synthesis.renderer_cpu import rasterize as rasterize_on_cpu
from training.synthesis.renderer_cpu import vertex_normals
from training.synthesis.renderer_gpu import TorchRenderer


@pytest.fixture(scope="module")
def stage(body):
    return make_stage(body)


@pytest.fixture(scope="module")
def scenes(stage):
    """Three crops, one a kind of backdrop, with boxes and with people behind each other."""
    for seed in range(100):
        composed, figures = stage[0].compose(np.random.default_rng(seed), 3)
        if len(composed) == 3 and len(composed.people.crop) > 3 and len(composed.boxes.crop) > 2:
            break
    kinds = torch.tensor([ROOM, PANORAMA, PHOTOGRAPH])
    return dataclasses.replace(composed, backdrops=dataclasses.replace(composed.backdrops, kind=kinds)), figures


def check_parity(stage, scenes, device):
    maker, materials, _ = stage
    ours = CpuRenderer(materials).render(scenes[0])
    theirs = TorchRenderer(materials, device).render(scenes[0].to(device)).to("cpu")
    assert len(scenes[0].people.crop) > len(scenes[0])
    assert (ours.surface < -1).any()
    assert (ours.surface == theirs.surface).float().mean((1, 2)).min() >= 0.99
    assert (ours.owner == theirs.owner).float().mean((1, 2)).min() >= 0.99
    assert ours.whole.numpy() == pytest.approx(theirs.whole.numpy(), rel=0.005)
    difference = (ours.colours - theirs.colours).abs().amax(-1)
    assert (difference < 0.02).float().mean((1, 2)).min() >= 0.97
    labels = [maker.finish(np.random.default_rng(0), scenes[0], planes, scenes[1]) for planes in (ours, theirs)]
    assert torch.equal(labels[0].joints_mm, labels[1].joints_mm)
    assert torch.equal(labels[0].joints_px, labels[1].joints_px)
    assert torch.equal(labels[0].visibility, labels[1].visibility)
    assert (labels[0].pictures - labels[1].pictures).abs().mean() < 0.002


def test_both_renderers_draw_the_same_scene(stage, scenes):
    check_parity(stage, scenes, "cpu")


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
def test_both_renderers_draw_the_same_scene_on_a_gpu(stage, scenes):
    check_parity(stage, scenes, "cuda")


def scattered_triangles(seed, count=20, side=16):
    """(V, 3) corners of triangles that overlap, some of them behind the camera, and their faces (count, 3)."""
    rng = np.random.default_rng(seed)
    middle = rng.uniform(0, side, (count, 1, 2))
    corners = np.concatenate([middle + rng.normal(0, 4, (count, 3, 2)), rng.uniform(-0.1, 2, (count, 3, 1))], 2)
    return corners.reshape(-1, 3).astype(np.float32), np.arange(3 * count, dtype=np.int32).reshape(-1, 3)


def check_rasterizer(rasterizer, side=16):
    """Two people in one plane and one in another, against the CPU's z-buffer."""
    points, faces = zip(*(scattered_triangles(seed) for seed in range(3)), strict=True)
    drawn = torch.from_numpy(np.random.default_rng(9).random((3, 20)) < 0.8)
    keys = torch.zeros(2, side, side, dtype=torch.int64)
    plane = torch.tensor([0, 1, 0])
    rasterizer(keys, plane, torch.from_numpy(np.stack(points)), torch.from_numpy(faces[0]).long(), drawn, 0)
    names, nearness = unpack(keys)
    for number in range(2):
        people = [person for person in range(3) if plane[person] == number]
        parts = [rasterize_on_cpu(points[p], faces[p][drawn[p].numpy()], side, side) for p in people]
        nearest = np.argmax([part[2] for part in parts], 0)
        named = [
            np.where(part[0] >= 0, 20 * p + np.flatnonzero(drawn[p])[part[0]], -1)
            for p, part in zip(people, parts, strict=True)
        ]
        assert np.array_equal(names[number], np.take_along_axis(np.stack(named), nearest[None], 0)[0])
        expected = np.max([part[2] for part in parts], 0)
        assert nearness[number].numpy() == pytest.approx(expected, rel=1e-5)


def test_nearest_triangles_are_those_of_the_cpu():
    check_rasterizer(rasterize)


def test_the_cuda_kernel_finds_them_too_in_numba_s_simulator():
    """In a process of its own: the simulator must be asked for before Numba is imported."""
    program = (
        "from test.training.synthesis.test_renderer_gpu import check_rasterizer;"
        "from training.synthesis.raster_cuda import rasterize; check_rasterizer(rasterize)"
    )
    environment = os.environ | {"NUMBA_ENABLE_CUDASIM": "1"}
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
def test_the_cuda_kernel_is_chosen_on_a_gpu():
    assert choose_rasterizer(torch.device("cuda")).__module__ == "training.synthesis.raster_cuda"


def test_normals_are_those_of_the_cpu(stage):
    mesh = stage[1].mesh
    renderer = TorchRenderer(stage[1], "cpu")
    normals = renderer.vertex_normals(torch.from_numpy(mesh.rest)[None])[0].numpy()
    assert normals == pytest.approx(vertex_normals(mesh.rest, mesh.faces), abs=1e-4)


def test_too_many_people_for_their_names_are_refused():
    faces = torch.zeros(1, 3, dtype=torch.int64)
    with pytest.raises(ValueError, match="draw fewer at a time"):
        rasterize(
            torch.zeros(1, 2, 2, dtype=torch.int64), torch.zeros(1, dtype=torch.int64), torch.zeros(1, 3, 3), faces,
            torch.ones(1, 1, dtype=torch.bool), first=2**26,
        )  # fmt: skip
