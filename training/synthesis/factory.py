"""Puts body, poses, clothes and scenes together: a plan for a shard in, samples out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch

from training.synthesis.appearance import wardrobe_of
from training.synthesis.assets import Assets, load_assets
from training.synthesis.body import AnnyBody
from training.synthesis.body_files import OwnBody, put_on
from training.synthesis.drawing_cpu import CpuRenderer
from training.synthesis.figures import Figures
from training.synthesis.materials import Materials
from training.synthesis.poses import PoseSampler
from training.synthesis.rig import Rig
from training.synthesis.scene import SceneMaker
from training.synthesis.shards import ShardPlan
from training.synthesis.shots import Sample

BATCH = 16
"""Bodies posed at a time: enough to be fast, few enough to stay in cache."""


class LiveCast:
    """Poses and shapes every figure anew."""

    def __init__(self, body: AnnyBody, poses: PoseSampler, own: Sequence[OwnBody] = ()) -> None:
        self._body, self._poses, self._own = body, poses, own

    def draw(self, rng: np.random.Generator, count: int) -> Figures:
        """Figures on the CPU; a body's name is what it was made of."""
        poses = [self._poses.sample(rng) for _ in range(count)]
        shapes, own = put_on(rng, self._body.sample_shapes(rng, count), self._own)
        vertices, joints = self._body.pose(np.stack([pose.rotations for pose in poses]), shapes)
        return Figures(
            torch.from_numpy(vertices),
            torch.from_numpy(joints),
            [pose.kind for pose in poses],
            [pose.clip for pose in poses],
            [name or drawn for name, drawn in zip(own, self._body.name_shapes(shapes), strict=True)],
        )


class SampleFactory:
    """Renders the samples of one split on the CPU."""

    def __init__(
        self, split: str, asset_folders: Sequence[Path], motion_folder: Path | None, body: AnnyBody | None = None
    ) -> None:
        self.assets: Assets = load_assets(asset_folders, motion_folder, split)
        body = body or AnnyBody()
        poses = PoseSampler(Rig(body.bones, body.rest_heads), self.assets.clips)
        self.materials = Materials.of(body.mesh, wardrobe_of(split, self.assets.photographs), self.assets)
        renderer = CpuRenderer(self.materials)
        self.scenes = SceneMaker(
            LiveCast(body, poses, self.assets.bodies), renderer, self.materials.wardrobe, self.assets, split
        )

    def samples(self, plan: ShardPlan) -> Iterator[Sample]:
        """The samples of a shard, the same for the same plan and assets."""
        rng = plan.generator()
        made = 0
        while made < plan.count:
            shots = self.scenes.make(rng, BATCH)
            for sample in shots.samples()[: plan.count - made]:
                yield sample
                made += 1
