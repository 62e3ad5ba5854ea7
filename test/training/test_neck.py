"""The neck: one map out of several, and folding changes nothing."""

import torch

from training.networks.neck import LastMap, Neck


def maps(count: int, generator: torch.Generator) -> dict[str, torch.Tensor]:
    return {
        "deep": 0.1 * torch.rand(count, 10, 8, 8, generator=generator),
        "near": 5 + 3 * torch.randn(count, 6, 16, 16, generator=generator),
    }


def test_maps_of_different_strides_meet_at_the_finest():
    torch.manual_seed(0)
    neck = Neck({"deep": 10, "near": 6}, {"deep": 32, "near": 16}, width=16, blocks=1)
    assert (neck.channels, neck.stride) == (16, 16)
    assert neck(maps(2, torch.Generator().manual_seed(0))).shape == (2, 16, 16, 16)


def test_folding_the_normalisation_keeps_the_outputs():
    torch.manual_seed(0)
    neck = Neck({"deep": 10, "near": 6}, {"deep": 32, "near": 16}, width=16, blocks=2).train()
    generator = torch.Generator().manual_seed(3)
    for _ in range(20):
        neck(maps(8, generator))
    given = maps(2, generator)
    folded = neck.fold()
    with torch.no_grad():
        expected, found = neck.eval()(given), folded(given)
    assert expected.std() > 0.1
    assert (expected - found).abs().max() < 1e-5
    assert not any(isinstance(module, torch.nn.BatchNorm2d) for module in folded.modules())


def test_without_a_neck_the_last_map_goes_through():
    given = maps(1, torch.Generator().manual_seed(0))
    last = LastMap({"deep": 10, "near": 6}, {"deep": 32, "near": 16})
    assert (last.channels, last.stride) == (6, 16)
    assert last(given) is given["near"]
