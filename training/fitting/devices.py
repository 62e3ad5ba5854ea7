"""Lightning Fabric, which brings devices, processes and precision."""

from __future__ import annotations

# Lightning imports torchvision, which needs this one before it.
import training.networks.backbones.torchvision_operators  # noqa: F401

# isort: split
from lightning.fabric import Fabric
from lightning.fabric.strategies import DDPStrategy

__all__ = ["DDPStrategy", "Fabric"]
