"""From 2.5D to 3D: pixels and depths about a root become a person in front of the camera.

The unknown depth of the root is the one at which the bones have, in the least-squares sense, the lengths that people's
bones have on average. It is found by Newton's method in so few steps that they are written out: gradients pass, and the
graph can be exported. This is the 2.5D baseline of the MeTRAbs paper (Sarandi et al., T-BIOM 2021, section IV).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from training.data.batch import Target
from training.joint_space import JointSpace
from training.networks.heads.head import Pose
from training.networks.placement import FARTHEST_MM, NEAREST_MM, image_rays

STEPS = 8
"""Six find the optimum to a thousandth of a millimetre, from people of half to twice the average size."""
PERSON_MM = 1500.0
"""Size of what is seen of a person; its size in the image gives the first guess of the depth."""
UNKNOWN_BONE_MM = 250.0
"""Length of a bone before one was seen."""


class RootDepth(nn.Module):
    """Knows how long bones are and finds how far away people must be.

    Each skeleton of a space has a root depth of its own, because data sets know one skeleton each and depths are about
    the mean of its joints.

    Args:
        space: the joints.
        bone_lengths_mm: of `space.edges`; if not given, they are averaged over the examples that `learn` sees.

    Raises:
        ValueError: if there are more or fewer lengths than bones.
    """

    lengths_mm: Tensor
    seen: Tensor

    def __init__(self, space: JointSpace, bone_lengths_mm: list[float] | None = None) -> None:
        super().__init__()
        if bone_lengths_mm is not None and len(bone_lengths_mm) != len(space.edges):
            raise ValueError(f"{len(bone_lengths_mm)} bone lengths are given; the joints have {len(space.edges)} bones")
        self.edges = space.edges
        self.skeletons = []
        for skeleton in space.skeletons:
            start = int(space.indices(skeleton.name)[0])
            members = range(start, start + len(skeleton))
            self.skeletons.append((members, [b for b, (parent, _) in enumerate(space.edges) if parent in members]))
        self.learns = bone_lengths_mm is None
        lengths = torch.full((len(space.edges),), UNKNOWN_BONE_MM)
        self.register_buffer("lengths_mm", lengths if self.learns else torch.tensor(bone_lengths_mm))
        self.register_buffer("seen", torch.zeros(len(space.edges)))

    @torch.no_grad()
    def learn(self, target: Target) -> None:
        """Averages in the bone lengths of a batch, unless they were given."""
        if not self.learns:
            return
        parents, children = zip(*self.edges, strict=True)
        known = (target.known_3d[:, parents] & target.known_3d[:, children]).to(self.lengths_mm.dtype)
        lengths = (target.joints_mm[:, parents] - target.joints_mm[:, children]).norm(dim=-1)
        self.seen += known.sum(dim=0)
        # The first examples replace the guess that the buffer starts from.
        self.lengths_mm += (known * (lengths - self.lengths_mm)).sum(dim=0) / self.seen.clamp(min=1)

    def about_roots(self, target: Target) -> Tensor:
        """(N, J) mm, the true depth of joints about the mean of their skeleton's known ones; anything if unknown."""
        parts = []
        for members, _ in self.skeletons:
            part = slice(members.start, members.stop)
            known, z = target.known_3d[:, part].to(target.joints_mm.dtype), target.joints_mm[:, part, 2]
            parts.append(z - (known * z).sum(1, keepdim=True) / known.sum(1, keepdim=True).clamp(min=1))
        return torch.cat(parts, dim=1)

    def forward(self, joints2d: Tensor, depth: Tensor, spread: Tensor, intrinsics: Tensor) -> Pose:
        """Places people.

        Args:
            joints2d: (N, J, 2) px in the crop.
            depth: (N, J) mm, right up to one number per pose and skeleton.
            spread: (N, J, 3) standard deviations in px, px and mm.
            intrinsics: (N, 3, 3) of the crop cameras, upper triangular.
        """
        rays = image_rays(joints2d, intrinsics)
        placed = []
        for members, bones in self.skeletons:
            part = slice(members.start, members.stop)
            ends = [[self.edges[bone][end] - members.start for bone in bones] for end in (0, 1)]
            z = depth[:, part]
            placed.append(z + self._root_depth(rays[:, part], z, ends, self.lengths_mm[bones]))
        z = torch.cat(placed, dim=1)[..., None]
        absolute = torch.cat([rays * z, z], dim=-1)
        focal = torch.stack([intrinsics[:, 0, 0], intrinsics[:, 1, 1]], dim=-1)[:, None]
        spread_mm = torch.cat([spread[..., :2] * z / focal, spread[..., 2:]], dim=-1)
        return Pose(joints2d, absolute - absolute.mean(dim=1, keepdim=True), absolute, spread_mm)

    def _root_depth(self, rays: Tensor, depth: Tensor, ends: list[list[int]], lengths_mm: Tensor) -> Tensor:
        """(N, 1) mm for one skeleton; computed in metres, where float32 has room for the squares."""
        extent = (rays.amax(dim=1) - rays.amin(dim=1)).amax(dim=1, keepdim=True)
        nearest = (NEAREST_MM - depth.amin(dim=1, keepdim=True)) / 1000
        farthest = torch.full_like(nearest, FARTHEST_MM / 1000)

        def bounded(root: Tensor) -> Tensor:
            return torch.minimum(torch.maximum(root, nearest), farthest)

        root = bounded(PERSON_MM / 1000 / extent.clamp(min=1e-4))
        z, lengths = depth / 1000, lengths_mm / 1000
        parent, child = ends
        # A bone is a + root * b, so the square of its length is a polynomial in root.
        flat = rays * z[..., None]
        a, b = flat[:, parent] - flat[:, child], rays[:, parent] - rays[:, child]
        constant = (a * a).sum(-1) + (z[:, parent] - z[:, child]) ** 2 + 1e-8
        linear, square = (a * b).sum(-1), (b * b).sum(-1)

        for _ in range(STEPS):
            found = (constant + root * (2 * linear + root * square)).clamp(min=1e-8).sqrt()
            slope, residual = (linear + root * square) / found, found - lengths
            gauss_newton = (slope * slope).sum(1, keepdim=True)
            newton = gauss_newton + (residual * (square - slope * slope) / found).sum(1, keepdim=True)
            step = (slope * residual).sum(1, keepdim=True) / torch.maximum(newton, gauss_newton / 2).clamp(min=1e-12)
            # Nobody is half as far or twice as far as the last guess: that keeps the first steps from jumping about.
            root = bounded(torch.minimum(torch.maximum(root - step, root / 2), root * 2))
        return root * 1000
