"""Puts body, poses, clothes and scenes together: a plan for a shard in, samples out."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from training.synthesis.appearance import Wardrobe
from training.synthesis.assets import SPLITS, Assets, load_assets
from training.synthesis.body import AnnyBody
from training.synthesis.poses import PoseSampler
from training.synthesis.rig import Rig
from training.synthesis.scene import Figure, Sample, SceneMaker
from training.synthesis.shards import ShardPlan

BATCH = 16
"""Bodies posed at a time: enough to be fast, few enough to stay in cache."""


class SampleFactory:
    """Renders the samples of one split."""

    def __init__(
        self, split: str, assets_folder: Path | None, motion_folder: Path | None, body: AnnyBody | None = None
    ) -> None:
        self.assets: Assets = load_assets(assets_folder, motion_folder, split)
        self._body = body or AnnyBody()
        self._poses = PoseSampler(Rig(self._body.bones, self._body.rest_heads), self.assets.clips)
        wardrobe = Wardrobe.build(1000 + SPLITS.index(split), self.assets.photographs)
        self._scenes = SceneMaker(self._body.mesh, wardrobe, self.assets, split)

    def samples(self, plan: ShardPlan) -> Iterator[Sample]:
        """The samples of a shard, the same for the same plan and assets."""
        rng = plan.generator()
        made = 0
        while made < plan.count:
            figures = self._figures(rng, f"{plan.split}-{plan.seed}-{plan.number}-{made}")
            for number in range(min(BATCH, plan.count - made)):
                yield self._scenes.make(rng, figures[number], figures[number - 1])
            made += BATCH

    def _figures(self, rng: np.random.Generator, name: str) -> list[Figure]:
        poses = [self._poses.sample(rng) for _ in range(BATCH)]
        shapes = self._body.sample_shapes(rng, BATCH)
        vertices, joints = self._body.pose(np.stack([pose.rotations for pose in poses]), shapes)
        return [
            Figure(vertices[number], joints[number], pose.kind, pose.clip, f"{name}-{number}")
            for number, pose in enumerate(poses)
        ]
