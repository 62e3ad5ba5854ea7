"""Lightning Fabric, which brings devices, processes and precision."""

from __future__ import annotations

# isort: split
from lightning.fabric import Fabric

__all__ = ["Fabric"]
