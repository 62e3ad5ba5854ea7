"""Learning rates as the papers have them, averages, and what batch normalisation does."""

import copy

import pytest
import torch
from torch import nn

from training.fitting.fit_settings import FitSettings
from training.fitting.optimization import (
    GroupedBatchNorm,
    RunningAverage,
    build_optimizer,
    freeze,
    learning_rate_factor,
    prepare_batch_norm,
    set_learning_rate,
    training_mode,
)
from training.networks.pose_model import build_model

CONFIG = {
    "backbone": {"name": "blazepose_full", "taps": ["c16"]},
    "neck": {"width": 8, "blocks": 1},
    "head": {"name": "metrabs"},
    "skeletons": ["coco_17"],
    "crop_side": 64,
}


@pytest.fixture
def model():
    torch.manual_seed(0)
    return build_model(copy.deepcopy(CONFIG))


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"name": "constant"}, {0: 1, 999: 1}),
        ({"name": "cosine"}, {0: 1, 500: 0.505, 1000: 0.01}),
        ({"name": "cosine", "warmup": 10}, {0: 0.1, 4: 0.49998, 500: 0.505}),
        ({"name": "steps", "at": [0.5, 0.8], "decay": 0.1}, {499: 1, 500: 0.1, 800: 0.01}),
        # A third over 92 % of the steps; then a thirtieth, and 0.3 of that in the end.
        ({"name": "metrabs"}, {0: 1, 460: 3**-0.5, 919: 3 ** (-919 / 920), 920: 1 / 30, 1000: 0.01}),
        ({"name": "one_cycle"}, {0: 0.04, 150: 0.52, 300: 1, 650: 0.50005, 1000: 1e-4}),
    ],
)
def test_schedules_have_the_values_of_their_formulas(settings, expected):
    found = {step: learning_rate_factor(settings, step, 1000) for step in expected}
    assert found == pytest.approx(expected, rel=1e-5)


def test_the_one_cycle_schedule_is_torchs_own():
    parameter = nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.SGD([parameter], lr=1.0)
    theirs = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, 1.0, total_steps=101, pct_start=0.3, div_factor=25, final_div_factor=1e4 / 25, cycle_momentum=False
    )
    for step in range(100):
        assert learning_rate_factor({"name": "one_cycle"}, step, 100) == pytest.approx(
            theirs.get_last_lr()[0], abs=0.04
        )
        optimizer.step()
        theirs.step()


def test_unknown_names_and_options_are_refused(model):
    with pytest.raises(ValueError, match="must be one of cosine, metrabs"):
        learning_rate_factor({"name": "linear"}, 0, 1)
    with pytest.raises(ValueError, match="cosine does not take"):
        learning_rate_factor({"name": "cosine", "decay": 1}, 0, 1)
    with pytest.raises(ValueError, match="expected a rate and a name among adamw"):
        build_optimizer(model, {"name": "adamw"})
    with pytest.raises(ValueError, match="adamw does not take"):
        build_optimizer(model, {"name": "adamw", "rate": 1.0, "momentum": 0.9})
    with pytest.raises(ValueError, match="expected local, frozen, synchronised or a number"):
        prepare_batch_norm(model, "instance", False)
    with pytest.raises(ValueError, match=r"'stage.1.\*', but no parameter .* so; there are .*stages, stem"):
        freeze(model.backbone, ["stem*", "stage.1.*"])
    with pytest.raises(ValueError, match=r"lacks steps and has the unknown epochs"):
        FitSettings.from_configuration({"batch": 3, "epochs": 4})


def test_backbone_and_head_have_learning_rates_of_their_own(model):
    optimizer = build_optimizer(model, {"name": "adamw", "rate": 1e-3, "backbone_rate": 1e-4, "weight_decay": 0.01})
    set_learning_rate(optimizer, 0.5)
    rates = {id(p): group["lr"] for group in optimizer.param_groups for p in group["params"]}
    assert {rates[id(p)] for p in model.backbone.parameters()} == {5e-5}
    assert {rates[id(p)] for p in (*model.neck.parameters(), *model.head.parameters())} == {5e-4}
    model.backbone.requires_grad_(False)
    alone = build_optimizer(model, {"name": "adam", "rate": 1e-3})
    assert sum(len(group["params"]) for group in alone.param_groups) == len(
        [*model.neck.parameters(), *model.head.parameters()]
    )


def test_a_relative_rate_moves_large_and_small_tensors_of_the_backbone_by_the_same_share(model):
    sizes = {"stem.weight": 40.0, "stages.0.0.expand.weight": 0.003, "stages.0.0.project.weight": 0.6}
    named = dict(model.backbone.named_parameters())
    with torch.no_grad():
        for name, size in sizes.items():
            named[name].copy_(torch.where(torch.rand_like(named[name]) < 0.5, -size, size))
    before = {name: named[name].detach().clone() for name in sizes}
    optimizer = build_optimizer(model, {"name": "adamw", "rate": 1e-3, "backbone_relative_rate": 2e-3})
    set_learning_rate(optimizer, 1.0)
    for parameter in model.parameters():
        parameter.grad = torch.ones_like(parameter)
    optimizer.step()
    for name, size in sizes.items():
        # Adam's first step is as long as the learning rate.
        assert torch.allclose((before[name] - named[name]) / size, torch.tensor(2e-3), rtol=0.01)
    assert optimizer.param_groups[0]["lr"] == 1e-3


def test_an_average_of_weights_follows_its_formula_and_shares_a_frozen_backbone(model):
    model.backbone.requires_grad_(False)
    average = RunningAverage(model, 0.5)
    assert average.model.backbone is model.backbone
    weight, expected = model.head.output.weight, model.head.output.weight.detach().clone()
    for step in range(6):
        with torch.no_grad():
            weight.add_(step + 1.0)
        average.update(step)
        decay = min(0.5, (1 + step) / (10 + step))
        expected = decay * expected + (1 - decay) * weight.detach()
    assert torch.allclose(average.model.head.output.weight, expected)
    assert not any(name.startswith("backbone.") for name in average.state())
    other = RunningAverage(model, 0.5)
    other.load(copy.deepcopy(average.state()))
    assert torch.equal(other.model.head.output.weight, average.model.head.output.weight)


def test_grouped_statistics_are_those_of_each_group_alone(model):
    prepare_batch_norm(model, 4, False)
    assert all(type(m) is GroupedBatchNorm for m in model.modules() if isinstance(m, nn.BatchNorm2d))
    norm, plain = GroupedBatchNorm(3), nn.BatchNorm2d(3)
    norm.group = 4
    x = torch.randn(8, 3, 5, 5, generator=torch.Generator().manual_seed(0)) * torch.arange(1.0, 9)[:, None, None, None]
    expected = torch.cat([plain(part) for part in x.split(4)])
    assert torch.allclose(norm(x), expected)
    assert torch.allclose(norm.running_var, plain.running_var)
    assert torch.allclose(norm.eval()(x), plain.eval()(x))


def test_what_is_frozen_is_left_in_evaluation_mode(model):
    training_mode(model, freeze_backbone=True, batch_norm="frozen")
    assert not model.backbone.training
    assert model.head.training
    assert not any(m.training for m in model.modules() if isinstance(m, nn.BatchNorm2d))
    training_mode(model, freeze_backbone=False, batch_norm="local")
    assert model.backbone.training
    assert all(m.training for m in model.modules() if isinstance(m, nn.BatchNorm2d))
