"""What heads cost: counted by hand where that is possible."""

import pytest

from training.head_cost import head_cost
from training.networks.pose_model import build_model

JOINTS, SIDE, DEPTH, WIDTH = 30, 16, 8, 16


def model_with(head: dict):
    backbone = {"name": "blazepose_full", "taps": ["c16"]}
    return build_model(
        {"backbone": backbone, "neck": {"width": WIDTH, "blocks": 0}, "head": head, "skeletons": ["body_30"]}
    )


def test_parameters_are_those_of_the_one_convolution():
    cost = head_cost(model_with({"name": "metro", "depth": DEPTH}), batch=1, repeats=1)
    assert cost.parameters == (WIDTH + 1) * JOINTS * DEPTH


def test_a_volumetric_head_keeps_at_least_its_heatmaps_and_twice_as_much_for_twice_the_crops():
    model = model_with({"name": "metro", "depth": DEPTH})
    one, two = (head_cost(model, batch, repeats=1).remembered_bytes for batch in (1, 2))
    volume = 4 * JOINTS * DEPTH * SIDE * SIDE
    assert volume < one < 5 * volume
    assert two == pytest.approx(2 * one, rel=0.05)


def test_deeper_volumes_cost_memory_in_proportion():
    kept = [
        head_cost(model_with({"name": "metro", "depth": depth}), batch=1, repeats=1).remembered_bytes
        for depth in (8, 32)
    ]
    assert kept[1] / kept[0] == pytest.approx(4, rel=0.15)


def test_the_head_is_a_share_of_the_forward_pass():
    cost = head_cost(model_with({"name": "metrabs"}), batch=1, repeats=3)
    assert 0 < cost.share < 1
    assert cost.training_ms > 0
