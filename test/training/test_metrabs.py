"""The head: what heatmaps mean, and that folding changes nothing."""

import pytest
import torch

from training.networks.metrabs import HeatmapGeometry, MetrabsHead

GEOMETRY = HeatmapGeometry()


def head(joints: int = 2) -> MetrabsHead:
    torch.manual_seed(0)
    return MetrabsHead({"near": 6, "deep": 10}, joints, width=16, blocks=2)


def test_a_peak_in_a_cell_is_read_at_the_cells_centre():
    logits = torch.zeros(1, 2 * 9, 16, 16)
    logits[0, 0, 3, 5] = 1000  # first joint's 2D heatmap: row 3, column 5
    logits[0, 2 + 6, 10, 15] = 1000  # its volume, slice 6
    found = head().decode(logits)
    assert found.joints2d[0, 0].tolist() == pytest.approx([16 * 5 + 7.5, 16 * 3 + 7.5])
    # The box of 2200 mm spans the crop, so 137.5 mm a cell across and 275 mm a slice, about its centre.
    expected = [(15 - 7.5) * 137.5, (10 - 7.5) * 137.5, (6 - 3.5) * 275.0]
    assert found.relative[0, 0].tolist() == pytest.approx(expected, abs=0.01)
    assert found.spread[0, 0].max() < 2


def test_an_even_heatmap_means_the_centre_with_the_spread_of_a_uniform_distribution():
    found = head().decode(torch.zeros(1, 2 * 9, 16, 16))
    assert found.joints2d[0, 1].tolist() == pytest.approx([127.5, 127.5])
    assert found.relative[0, 1].abs().max() < 1e-3
    across, deep = 137.5 * ((16**2 - 1) / 12) ** 0.5, 275 * ((8**2 - 1) / 12) ** 0.5
    assert found.spread[0, 1].tolist() == pytest.approx([across, across, deep], rel=1e-4)


def test_two_peaks_spread_along_the_axis_between_them_only():
    logits = torch.full((1, 2 * 9, 16, 16), -1000.0)
    logits[0, 2 + 4, 8, 4] = logits[0, 2 + 4, 8, 10] = 0
    spread = head().decode(logits).spread[0, 0]
    assert spread[0] == pytest.approx(3 * 137.5, rel=1e-3)
    assert spread[1:].max() < 2


def test_folding_the_normalisation_keeps_the_outputs():
    trained = head().train()
    generator = torch.Generator().manual_seed(3)
    for _ in range(20):
        trained({"near": 5 + 3 * torch.randn(8, 6, 16, 16, generator=generator),
                 "deep": 0.1 * torch.rand(8, 10, 8, 8, generator=generator)})  # fmt: skip
    maps = {
        "near": 5 + 3 * torch.randn(2, 6, 16, 16, generator=generator),
        "deep": 0.1 * torch.rand(2, 10, 8, 8, generator=generator),
    }
    with torch.no_grad():
        expected, found = trained.eval()(maps), trained.fold()(maps)
    for one, other in zip(expected, found, strict=True):
        assert (one - other).abs().max() < 0.05
    assert not any(isinstance(module, torch.nn.BatchNorm2d) for module in trained.fold().modules())
