"""Heatmaps: where their cells lie, and how they are read."""

import pytest
import torch

from training.networks.heads.heatmaps import HeatmapGeometry, SoftArgmax


def test_an_even_heatmap_means_the_centre_with_the_spread_of_a_uniform_distribution():
    geometry = HeatmapGeometry()
    across = geometry.across_mm()
    found = SoftArgmax(2, across, across, geometry.deep_mm())(torch.zeros(1, 2, 8, 16, 16))
    assert found.mean.abs().max() < 1e-3
    wide, deep = 137.5 * ((16**2 - 1) / 12) ** 0.5, 275 * ((8**2 - 1) / 12) ** 0.5
    assert found.std[0, 1].tolist() == pytest.approx([wide, wide, deep], rel=1e-4)


def test_two_peaks_spread_along_the_axis_between_them_only():
    geometry = HeatmapGeometry()
    across = geometry.across_mm()
    logits = torch.full((1, 1, 8, 16, 16), -1000.0)
    logits[0, 0, 4, 8, 4] = logits[0, 0, 4, 8, 10] = 0
    found = SoftArgmax(1, across, across, geometry.deep_mm())(logits)
    assert found.std[0, 0, 0] == pytest.approx(3 * 137.5, rel=1e-3)
    assert found.std[0, 0, 1:].max() < 2
    assert found.mean[0, 0].tolist() == pytest.approx([(7 - 7.5) * 137.5, 0.5 * 137.5, 0.5 * 275], rel=1e-4)


def test_axes_are_read_in_the_order_x_y_z():
    logits = torch.full((1, 1, 2, 3, 4), -1000.0)
    logits[0, 0, 1, 2, 3] = 0
    positions = [torch.arange(4) * 1.0, torch.arange(3) * 10.0, torch.arange(2) * 100.0]
    assert SoftArgmax(1, *positions)(logits).mean[0, 0].tolist() == pytest.approx([3, 20, 100])
    flat = SoftArgmax(1, *positions[:2])(logits[:, :, 1])
    assert flat.mean[0, 0].tolist() == pytest.approx([3, 20])


def test_half_precision_logits_are_read_in_single_precision_also_under_autocast():
    logits = torch.randn(1, 3, 16, 16, generator=torch.Generator().manual_seed(0)).bfloat16()
    read = SoftArgmax(3, *[HeatmapGeometry().pixels()] * 2)
    expected = read(logits.float())
    with torch.autocast("cpu", torch.bfloat16):
        found = read(logits)
    assert found.mean.dtype == torch.float32
    assert torch.equal(found.mean, expected.mean)


def test_the_gradient_is_finite_for_a_certain_heatmap():
    logits = torch.zeros(1, 1, 4, 4)
    logits[0, 0, 1, 1] = 1000
    logits.requires_grad_()
    read = SoftArgmax(1, torch.arange(4.0), torch.arange(4.0))
    found = read(logits)
    (found.mean.sum() + found.std.sum()).backward()
    assert logits.grad is not None
    assert torch.isfinite(logits.grad).all()


@pytest.mark.parametrize(
    ("cells", "first", "last"), [("centres", 15.5, 239.5), ("official", 16, 240), ("official_legacy", 0, 224)]
)
def test_cells_stand_for_the_points_of_the_crop_that_their_reading_says(cells, first, last):
    geometry = HeatmapGeometry(stride=32, cells=cells)
    assert geometry.pixels()[[0, -1]].tolist() == pytest.approx([first, last])
    assert torch.diff(geometry.across_mm()).tolist() == pytest.approx([275.0] * 7)
    deep = {"centres": [-962.5, 962.5]}.get(cells, [0, 2200])
    assert geometry.deep_mm()[[0, -1]].tolist() == pytest.approx(deep)


def test_impossible_heatmaps_are_refused():
    with pytest.raises(ValueError, match="cells of 48 px over a crop of 256 px"):
        HeatmapGeometry(stride=48)
    with pytest.raises(ValueError, match="not 'corners'"):
        HeatmapGeometry(cells="corners")
