"""Training batches rendered while a network trains, on the device it trains on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch

from metric_pose_ros.skeleton import BODY_30
from training.data.batch import Batch, Target
from training.joint_space import JointSpace
from training.synthesis.appearance import wardrobe_of
from training.synthesis.assets import SPLITS
from training.synthesis.bank import Bank, BankCast
from training.synthesis.materials import Materials
from training.synthesis.renderer import CROP_SIDE, Renderer
from training.synthesis.scene import SceneMaker
from training.synthesis.shots import Shots

_SPARE = 1.08
"""So many more scenes are drawn than wanted, for those that show too little of the person."""


class OnTheFly:
    """An endless stream of batches; batch k depends on the seed, the rank and k, and on nothing before it.

    Args:
        bank: bodies, poses and assets of a split.
        device: renders and holds the batches.
        batch: crops in each. at_once: so many are drawn at a time; more need more memory (about 60 MB each).
        space: the model's joints; without it those of BODY_30.
    """

    def __init__(
        self,
        bank: Bank,
        device: torch.device | str,
        batch: int,
        seed: int = 0,
        rank: int = 0,
        at_once: int = 64,
        space: JointSpace | None = None,
    ) -> None:
        if batch < 1 or at_once < 1:
            raise ValueError(f"batches of {batch} crops, {at_once} at once: both must be at least 1")
        wardrobe = wardrobe_of(bank.split, bank.assets.photographs)
        materials = Materials.of(bank.mesh, wardrobe, bank.assets)
        renderer = _make_renderer(materials, torch.device(device))
        self._maker = SceneMaker(BankCast(bank, device), renderer, wardrobe, bank.assets, bank.split, device)
        self._batch, self._at_once, self._space = batch, at_once, space
        self._device = torch.device(device)
        self._seeds = [seed, SPLITS.index(bank.split), rank]

    def __iter__(self) -> Iterator[Batch]:
        return self.batches()

    def batches(self, first: int = 0) -> Iterator[Batch]:
        """The batches from number `first` on, for ever."""
        while True:
            yield self.batch(first)
            first += 1

    def batch(self, number: int) -> Batch:
        """One batch: crops (N, 3, 256, 256) RGB 0..1 and where their joints are."""
        return to_batch(self.shots(number), self._space)

    def shots(self, number: int) -> Shots:
        """One batch with all its labels."""
        with exact_products(self._device):
            return self._shots(number)

    def _shots(self, number: int) -> Shots:
        rng = np.random.default_rng([*self._seeds, number])
        parts: list[Shots] = []
        missing = self._batch
        while missing > 0:
            part = self._maker.make(rng, min(self._at_once, int(np.ceil(missing * _SPARE)) + 1))
            parts.append(part)
            missing -= len(part)
        return Shots.join(parts, self._batch)


def _make_renderer(materials: Materials, device: torch.device) -> Renderer:
    """The device's own; each is imported only where it is used, as Numba may be missing beside a GPU."""
    if device.type == "cpu":
        from training.synthesis.drawing_cpu import CpuRenderer

        return CpuRenderer(materials)
    from training.synthesis.renderer_gpu import TorchRenderer

    return TorchRenderer(materials, device)


@contextmanager
def exact_products(device: torch.device) -> Iterator[None]:
    """Products of matrices in full float32, whatever training has set: TF32 and bfloat16 would move joints by
    millimetres and pixels by pixels."""
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("highest")
    try:
        with torch.no_grad(), torch.autocast(device.type, enabled=False):
            yield
    finally:
        torch.set_float32_matmul_precision(before)


def to_batch(shots: Shots, space: JointSpace | None = None) -> Batch:
    """Shots as training takes them; joints that the space lacks are left out, those it has no truth for are unknown."""
    device, count = shots.pictures.device, len(shots)
    joints = len(BODY_30) if space is None else len(space)
    theirs, ours = (np.arange(joints),) * 2 if space is None else space.places(BODY_30)
    take, put = torch.as_tensor(theirs, device=device), torch.as_tensor(ours, device=device)
    joints_mm, joints_px = torch.zeros(count, joints, 3, device=device), torch.zeros(count, joints, 2, device=device)
    known, inside = (torch.zeros(count, joints, dtype=torch.bool, device=device) for _ in range(2))
    joints_mm[:, put], joints_px[:, put] = shots.joints_mm[:, take], shots.joints_px[:, take]
    in_front = joints_mm[..., 2] > 0
    known[:, put] = True
    inside[:, put] = True
    inside &= in_front & ((joints_px >= -0.5) & (joints_px <= CROP_SIDE - 0.5)).all(-1)
    return Batch(shots.pictures, None, Target(joints_mm, joints_px, shots.intrinsics, known, inside))
