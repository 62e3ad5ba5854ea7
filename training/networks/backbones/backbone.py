"""What every backbone is: crops in, named feature maps out."""

from __future__ import annotations

from torch import Tensor, nn


class Backbone(nn.Module):
    """Makes feature maps of crops. What a network wants done to the colours, it does itself.

    Attributes:
        channels: of each map it gives, by name, in the order of `forward`.
        strides: px of the crop per cell of each map, by name.
    """

    channels: dict[str, int]
    strides: dict[str, int]

    def forward(self, crops: Tensor) -> dict[str, Tensor]:
        """Runs the network.

        Args:
            crops: (N, 3, S, S) RGB in 0..1.

        Returns:
            one (N, C, S / stride, S / stride) map per name.
        """
        raise NotImplementedError
