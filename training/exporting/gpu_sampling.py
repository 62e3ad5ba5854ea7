"""Crops cut out of an image inside the graph: what `metric_pose_ros.geometry.crop.sample` does, on the GPU."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from metric_pose_ros.geometry.crop import FACTORS

_MADE_FROM = {2: 1, 3: 1, 4: 2, 6: 3, 8: 4, 12: 6}
_FAR_OUTSIDE = -3.0


class Sampler(nn.Module):
    """Looks at an image through crop cameras.

    A crop that shows the image at less than its own size is sampled from the image shrunk by the largest of `FACTORS`
    that keeps at least a pixel of the shrunk image per pixel of the crop, so that nothing aliases.

    All crops are sampled as one tall grid: the image stays a batch of one and is not repeated.

    Args:
        side: of the crops, px.
    """

    def __init__(self, side: int) -> None:
        super().__init__()
        self.side = side
        self.pixels: Tensor
        self.corners: Tensor
        y, x = torch.meshgrid(torch.arange(side), torch.arange(side), indexing="ij")
        pixels = torch.stack([x.ravel(), y.ravel(), torch.ones(side * side)]).float()
        last = side - 1.0
        corners = torch.tensor([[0, last, 0, last], [0, 0, last, last], [1, 1, 1, 1]])
        self.register_buffer("pixels", pixels, persistent=False)
        self.register_buffer("corners", corners, persistent=False)

    def forward(self, image: Tensor, homographies: Tensor) -> Tensor:
        """Crops.

        Args:
            image: (H, W, 3) uint8 BGR.
            homographies: (N, 3, 3) from px of the crops to px of the image; pixel centres are whole numbers in both.

        Returns:
            (N, 3, S, S) RGB in 0..1, gamma-encoded as the image is, zero outside it.
        """
        # TensorRT cannot transpose uint8, so the type changes first.
        planes = image.float().permute(2, 0, 1).unsqueeze(0)
        points, ahead = self._project(homographies, self.pixels)
        shrink = self._shrink(homographies)
        pictures = {1: planes}
        seen = None
        for factor, limit in zip(FACTORS, (*FACTORS[1:], None), strict=True):
            if factor > 1:
                made_from = _MADE_FROM[factor]
                pictures[factor] = functional.avg_pool2d(pictures[made_from], factor // made_from)
            taken = self._look(_whole(pictures[factor], factor), factor, points, ahead)
            wanted = torch.ones_like(shrink) if factor == 1 else (shrink >= factor).float()
            if limit is not None:
                wanted = wanted * (shrink < limit).float()
            taken = taken * wanted[:, None, None, None]
            seen = taken if seen is None else seen + taken
        assert seen is not None
        return torch.round(seen[:, [2, 1, 0]]) * (1 / 255)

    def _project(self, homographies: Tensor, pixels: Tensor) -> tuple[Tensor, Tensor]:
        """(N, 2, P) image px of (3, P) homogeneous crop px, and (N, 1, P) whether they lie before the camera."""
        homogeneous = homographies @ pixels
        depth = homogeneous[:, 2:]
        ahead = depth > 1e-6
        return homogeneous[:, :2] / torch.where(ahead, depth, torch.ones_like(depth)), ahead

    def _shrink(self, homographies: Tensor) -> Tensor:
        """(N,) image px per crop px, along the axis where that is less, rounded down as on the CPU."""
        points, _ = self._project(homographies, self.corners)
        extent = points.amax(dim=2) - points.amin(dim=2)
        return torch.floor(extent.amin(dim=1) / self.side)

    def _look(self, picture: Tensor, factor: int, points: Tensor, ahead: Tensor) -> Tensor:
        """(N, 3, S, S) samples of a picture that was shrunk by `factor`, at (N, 2, P) px of the whole image."""
        # The sizes stay apart from each other: while tracing they are tensors of the graph, and so remain free.
        height, width = picture.shape[2:]
        places = (points + 0.5) * (2 / factor)
        grid = torch.cat([places[:, :1] / width, places[:, 1:] / height], dim=1) - 1
        grid = torch.where(ahead, grid, torch.full_like(grid, _FAR_OUTSIDE))
        tall = grid.transpose(1, 2).reshape(1, -1, self.side, 2)
        seen = functional.grid_sample(picture, tall, mode="bilinear", padding_mode="zeros", align_corners=False)
        return seen.reshape(3, -1, self.side, self.side).transpose(0, 1)


def _whole(picture: Tensor, factor: int) -> Tensor:
    """A shrunk picture in whole grey values, as on the CPU: half of one can move a hidden joint by centimetres.

    OpenCV rounds halves up where it shrinks by two, else to even numbers.
    """
    if factor == 1:
        return picture
    return torch.floor(picture + 0.5) if factor == 2 else torch.round(picture)
