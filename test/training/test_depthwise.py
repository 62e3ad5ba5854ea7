"""Depthwise convolutions under bfloat16."""

import pytest
import torch
from torch import nn

from training.networks.depthwise import Depthwise

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.mark.parametrize(("kernel", "stride", "slow"), [(3, 1, False), (3, 2, True), (5, 1, True), (5, 2, True)])
def test_what_is_slow_in_bfloat16_is_computed_in_float32_and_all_gradients_are_right(kernel, stride, slow):
    torch.manual_seed(0)
    plain = nn.Conv2d(8, 8, kernel, stride, kernel // 2, groups=8)
    ours = Depthwise(8, 8, kernel, stride, kernel // 2, groups=8)
    ours.load_state_dict(plain.state_dict())
    x = torch.randn(2, 8, 10, 10)
    inputs = [x.clone().requires_grad_() for _ in range(2)]
    expected = plain(inputs[0])
    with torch.autocast("cpu", torch.bfloat16):
        found = ours(inputs[1].bfloat16())
    assert found.dtype == (torch.float32 if slow else torch.bfloat16)
    weights = torch.randn_like(expected)
    (expected * weights).sum().backward()
    (found.float() * weights).sum().backward()
    for one, other in ((inputs[0], inputs[1]), *zip(plain.parameters(), ours.parameters(), strict=True)):
        assert one.grad is not None
        assert other.grad is not None
        # Eight bits of mantissa in what goes in.
        assert torch.allclose(one.grad, other.grad, rtol=0.02, atol=0.1)
    assert torch.equal(ours(x), plain(x))
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        assert ours(x).dtype == torch.bfloat16
