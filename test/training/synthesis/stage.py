"""Made-up assets and a scene maker for tests that draw."""

import numpy as np

from training.synthesis.appearance import Wardrobe
from training.synthesis.assets import Assets
from training.synthesis.body import AnnyBody
from training.synthesis.drawing_cpu import CpuRenderer
from training.synthesis.factory import LiveCast
from training.synthesis.light import Panorama
from training.synthesis.materials import Materials
from training.synthesis.poses import PoseSampler
from training.synthesis.rig import Rig
from training.synthesis.scene import SceneMaker


def make_assets() -> Assets:
    """One bright panorama with a sun and two photographs of different sizes, all noise."""
    rng = np.random.default_rng(0)
    sky = rng.uniform(0.2, 1, (64, 128, 3)).astype(np.float32)
    sky[12:15, 30:33] = 60
    photographs = [rng.integers(0, 255, size, dtype=np.uint8) for size in ((90, 140, 3), (200, 110, 3))]
    return Assets([Panorama.from_pixels("noise", sky)], photographs, ["first", "second"], [], [], [])


def make_stage(body: AnnyBody) -> tuple[SceneMaker, Materials, Assets]:
    """A maker of samples on the CPU, and what it draws with."""
    assets = make_assets()
    materials = Materials.of(body.mesh, Wardrobe.build(3, assets.photographs, count=12), assets)
    cast = LiveCast(body, PoseSampler(Rig(body.bones, body.rest_heads), []))
    return SceneMaker(cast, CpuRenderer(materials), materials.wardrobe, assets, "train"), materials, assets
