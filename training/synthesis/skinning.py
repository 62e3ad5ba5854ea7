"""Bodies of any shape in any pose, in torch: blend shapes, forward kinematics, linear blend skinning, joints."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from training.synthesis.renderer import Bundle


@dataclass(frozen=True)
class Anatomy(Bundle):
    """What all bodies share.

    Attributes:
        template: (V, 3) m. blendshapes: (C, V, 3). skinning: (V, bones) weights. parents: (bones,), -1 for the root.
        mixture: (30, bones), regression: (30, V); a joint is its mixture of bone heads plus its regression of vertices.
        mirror: (bones,) the bone on the other side.
    """

    template: Tensor
    blendshapes: Tensor
    skinning: Tensor
    parents: Tensor
    mixture: Tensor
    regression: Tensor
    mirror: Tensor


@dataclass(frozen=True)
class Bodies(Bundle):
    """N shapes: coefficients (N, C) of the blend shapes, heads (N, bones, 3) where bones begin at rest, corrections
    (N, bones, 3, 3) that turn a body's rest pose into the one that poses start from."""

    coefficients: Tensor
    heads: Tensor
    corrections: Tensor


class Skinner:
    """Poses bodies on the anatomy's device."""

    def __init__(self, anatomy: Anatomy) -> None:
        self.anatomy = anatomy
        parents = anatomy.parents.tolist()
        depth: list[int] = []
        for parent in parents:
            depth.append(0 if parent < 0 else depth[parent] + 1)
        order = np.array(depth)
        device = anatomy.template.device
        self._levels = [
            torch.as_tensor(np.flatnonzero(order == level), device=device) for level in range(1, order.max() + 1)
        ]

    @torch.no_grad()
    def pose(self, bodies: Bodies, rotations: Tensor) -> tuple[Tensor, Tensor]:
        """Vertices (N, V, 3) and joints (N, 30, 3), m, z up, of people standing at the origin.

        Args:
            rotations: (N, bones, 3, 3) each bone's rotation against its parent, rest pose = identity, world axes.
        """
        anatomy = self.anatomy
        turns = rotations.clone()  # of the bones, in the world
        places = torch.zeros_like(bodies.heads)
        # The root's own correction does not move what hangs on it.
        carried = bodies.corrections.clone()
        carried[:, 0] = torch.eye(3, device=carried.device)
        for level in self._levels:
            parent = anatomy.parents[level]
            turns[:, level] = turns[:, parent] @ rotations[:, level]
            arm = (bodies.heads[:, level] - bodies.heads[:, parent])[..., None]
            step = turns[:, parent] @ (carried[:, parent] @ arm)
            places[:, level] = places[:, parent] + step[..., 0]
        skin = turns @ bodies.corrections
        shift = places - (skin @ bodies.heads[..., None])[..., 0]
        transforms = torch.cat([skin.flatten(2), shift], 2)  # (N, bones, 12)
        blended = anatomy.skinning @ transforms
        at_rest = anatomy.template + torch.tensordot(bodies.coefficients, anatomy.blendshapes, 1)
        turned = (blended[..., :9].unflatten(-1, (3, 3)) * at_rest[:, :, None]).sum(-1)
        vertices = turned + blended[..., 9:]
        return vertices, anatomy.mixture @ places + anatomy.regression @ vertices


def from_quaternions(quaternions: Tensor) -> Tensor:
    """(..., 3, 3) rotations of quaternions (..., 4), x y z w, of any length but zero."""
    x, y, z, w = torch.nn.functional.normalize(quaternions, dim=-1).unbind(-1)
    rows = (
        (1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)),
        (2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)),
        (2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)),
    )
    return torch.stack([torch.stack(row, -1) for row in rows], -2)
