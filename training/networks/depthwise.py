"""A depthwise convolution that trains quickly on a CPU."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Depthwise(nn.Conv2d):
    """`nn.Conv2d` with as many groups as channels.

    On a CPU under bfloat16, oneDNN's gradients are slow in two cases: that of the input if the stride is above 1, and
    that of kernels beyond 3 x 3. There, and only while they are wanted, it computes in float32, which takes a tenth
    and a quarter of the time.
    """

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to (N, C, H / stride, W / stride)."""
        slow = (self.stride[0] > 1 and x.requires_grad) or (self.kernel_size[0] > 3 and self.weight.requires_grad)
        if not slow or x.device.type != "cpu" or not torch.is_grad_enabled():
            return super().forward(x)
        with torch.autocast("cpu", enabled=False):
            return super().forward(x.to(self.weight.dtype))
