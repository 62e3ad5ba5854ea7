"""The authors' placement against NumPy's least squares on the same equations, and against people in known places."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
import torch

from test.fake_models import STANDING_MM
from training.networks.heads.heatmaps import HeatmapGeometry
from training.networks.official import SMALLEST_STD_MM, beyond_cells
from training.networks.official_placement import DAMPING, place_as_authors, translate

SIDE = 256
K = torch.tensor([[1.0, 0.0, 127.5], [0.0, 1.0, 127.5], [0.0, 0.0, 1.0]])


def people(depths_mm: list[float]) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Somebody at each depth, in crops that show all of them: joints in the image, relative pose, truth."""
    truth = torch.from_numpy(STANDING_MM)[None] + torch.tensor([[[0.0, 0.0, depth]] for depth in depths_mm])
    intrinsics = camera_of(depths_mm)
    seen = truth[..., :2] / truth[..., 2:] * intrinsics[:, None, [0, 1], [0, 1]] + 127.5
    return seen, truth - truth.mean(1, keepdim=True), truth


def camera_of(depths_mm: list[float]) -> torch.Tensor:
    """(N, 3, 3): the farther somebody is, the longer the lens."""
    intrinsics = K.repeat(len(depths_mm), 1, 1)
    intrinsics[:, 0, 0] = intrinsics[:, 1, 1] = torch.tensor(depths_mm) * 0.1
    return intrinsics


def by_numpy(rays: npt.NDArray, relative: npt.NDArray, inside: npt.NDArray, coupled: bool) -> npt.NDArray:
    """(N, 3) the damped solution, in float64: rows [I | -ray] of each joint, and three rows of damping."""
    needed = rays * relative[..., 2:] - relative[..., :2]
    solutions = []
    for number in range(len(rays)):
        over = slice(None) if coupled else number
        ray_scale, needed_scale = (np.sqrt(np.mean(np.square(values[over]))) for values in (rays, needed))
        eyes = np.tile(np.eye(2), (rays.shape[1], 1))
        matrix = np.hstack([eyes, -rays[number].reshape(-1, 1) / ray_scale])
        weight = np.repeat(inside[number] + 1e-4, 2)[:, None]
        matrix = np.vstack([matrix * weight, np.sqrt(DAMPING) * np.eye(3)])
        right = np.concatenate([needed[number].ravel() / needed_scale * weight[:, 0], np.zeros(3)])
        x = np.linalg.lstsq(matrix, right, rcond=None)[0]
        solutions.append([needed_scale * x[0], needed_scale * x[1], needed_scale / ray_scale * x[2]])
    return np.array(solutions)


@pytest.mark.parametrize("coupled", [True, False])
def test_the_closed_form_is_the_damped_least_squares_solution(coupled: bool) -> None:
    draw = np.random.default_rng(5)
    rays = draw.normal(0.05, 0.1, (6, 20, 2))
    relative = draw.normal(0, 300, (6, 20, 3))
    inside = draw.random((6, 20)) < 0.7
    inside[0] = False
    found = translate(
        torch.from_numpy(rays).float(), torch.from_numpy(relative).float(), torch.from_numpy(inside)[..., None], coupled
    )
    np.testing.assert_allclose(found[:, 0].numpy(), by_numpy(rays, relative, inside, coupled), rtol=1e-4, atol=0.1)


def test_damping_brings_people_nearer_by_millimetres_and_by_centimetres_in_a_batch() -> None:
    depths = [2000.0, 4000.0, 8000.0, 12000.0]
    seen, relative, truth = people(depths)
    alone = place_as_authors(seen, relative, camera_of(depths), SIDE, 32)
    together = place_as_authors(seen, relative, camera_of(depths), SIDE, 32, coupled=True)
    nearer_alone = (truth - alone)[..., 2].mean(1)
    nearer_together = (truth - together)[..., 2].mean(1)
    assert (nearer_alone > 0.05).all()
    assert (nearer_alone < 10).all()
    assert nearer_together[-1] > 2 * nearer_alone[-1]


def test_only_the_coupled_placement_depends_on_who_else_is_there() -> None:
    depths = [2000.0, 12000.0]
    seen, relative, _ = people(depths)
    for coupled, same in ((False, True), (True, False)):
        together = place_as_authors(seen, relative, camera_of(depths), SIDE, 32, coupled=coupled)
        alone = place_as_authors(seen[:1], relative[:1], camera_of(depths[:1]), SIDE, 32, coupled=coupled)
        assert torch.allclose(together[:1], alone, atol=1e-3) == same


def test_weak_perspective_places_a_flat_person_exactly() -> None:
    depths = [3000.0, 9000.0]
    flat = torch.from_numpy(STANDING_MM).clone()
    flat[:, 2] = 0
    truth = flat[None] + torch.tensor([[[200.0, -100.0, depth]] for depth in depths])
    intrinsics = camera_of(depths)
    seen = truth[..., :2] / truth[..., 2:] * intrinsics[:, None, [0, 1], [0, 1]] + 127.5
    found = place_as_authors(seen, truth - truth.mean(1, keepdim=True), intrinsics, SIDE, 32, weak=True)
    torch.testing.assert_close(found, truth, rtol=1e-4, atol=0.5)


def test_a_heatmap_in_two_cells_is_as_sure_as_can_be_and_a_wider_one_is_less() -> None:
    geometry = HeatmapGeometry(256, 32, cells="official")
    cells = geometry.across_mm()
    shares = torch.tensor([0.0, 0.2, 0.5, 0.9])
    mean = cells[3] + shares * (cells[4] - cells[3])
    spread = (cells[4] - cells[3]) * (shares * (1 - shares)).sqrt()
    mean, spread = (values[None, :, None].repeat(1, 1, 3) for values in (mean, spread))
    found = beyond_cells(mean, spread, geometry)
    torch.testing.assert_close(found[..., :2], torch.full_like(found[..., :2], SMALLEST_STD_MM), rtol=1e-2, atol=0)
    wider = beyond_cells(mean, spread + 200, geometry)
    assert (wider[..., :2] > 200).all()
