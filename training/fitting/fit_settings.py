"""The ``fit`` section of a configuration."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

import torch

from training.fitting.devices import DDPStrategy, Fabric

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class FitSettings:
    """How a network is trained.

    Attributes:
        steps: of the optimizer.
        batch: examples a step, of all processes together.
        seed: everything random follows from it.
        optimizer: see `optimization.build_optimizer`.
        schedule: of the learning rate, see `optimization.learning_rate_factor`.
        clip_gradient: largest norm of the gradient; 0 leaves it.
        average: decay of the running average of the weights, which is what is validated and exported.
        freeze_backbone: whether the backbone stays as it is; with a cache it always does.
        frozen: what else stays: patterns of the shell for names of the backbone's parameters, such as ``stages.0.*``.
        start_from: checkpoint whose averaged weights a new run begins with.
        batch_norm: ``local``, ``frozen`` (statistics stay), ``synchronised`` over processes on GPUs, or a number:
            statistics of groups of so many examples, as large batches are normalised in MeTRAbs.
        precision: of Lightning Fabric, such as ``32-true`` and ``bf16-mixed``; ``auto`` is the latter on GPUs that can.
        validate_every: steps between two measurements on the validation split.
        validation_samples: at most, evenly chosen.
        pictures_every: steps between two pictures in TensorBoard; 0 for none.
        checkpoint_every_s: seconds between two checkpoints.
        accelerator: ``auto``, ``cpu``, ``cuda``, ...
        devices: processes a machine, or which GPUs (``"0,2"``), or ``auto``: all GPUs, or one process on the CPU.
        nodes: machines. torchrun's and SLURM's own numbers win over `devices` and `nodes`.
    """

    steps: int
    batch: int
    seed: int = 1
    optimizer: dict[str, Any] = field(default_factory=lambda: {"name": "adamw", "rate": 1e-3})
    schedule: dict[str, Any] = field(default_factory=lambda: {"name": "cosine"})
    clip_gradient: float = 0.0
    average: float = 0.99
    freeze_backbone: bool = False
    frozen: tuple[str, ...] = ()
    start_from: str | None = None
    batch_norm: str | int = "local"
    precision: str = "auto"
    validate_every: int = 500
    validation_samples: int = 500
    pictures_every: int = 0
    checkpoint_every_s: float = 60.0
    accelerator: str = "auto"
    devices: str | int = "auto"
    nodes: int = 1

    @classmethod
    def from_configuration(cls, section: Mapping[str, Any]) -> FitSettings:
        """Checks the section.

        Raises:
            ValueError: if a setting is unknown, missing or senseless.
        """
        known = [setting.name for setting in fields(cls)]
        unknown, missing = sorted(set(section) - set(known)), sorted({"steps", "batch"} - set(section))
        if unknown or missing:
            raise ValueError(
                f"the fit section lacks {', '.join(missing) or 'nothing'} and has the unknown "
                f"{', '.join(unknown) or 'nothing'}; it knows {', '.join(known)}"
            )
        settings = cls(**section)
        if settings.steps < 1 or settings.batch < 1 or settings.validate_every < 1:
            raise ValueError(
                f"fit: steps {settings.steps}, batch {settings.batch}, validate_every {settings.validate_every}: "
                "all must be at least 1"
            )
        if not 0 <= settings.average < 1:
            raise ValueError(f"fit: average is {settings.average}, expected a decay of at least 0 and below 1")
        return settings


def build_fabric(settings: FitSettings) -> Fabric:
    """Devices, processes and precision as the settings, torchrun or SLURM say."""
    devices, nodes = devices_and_nodes(settings)
    gpus = torch.cuda.device_count() if settings.accelerator in ("auto", "cuda", "gpu") else 0
    several = nodes > 1 or (gpus if devices == "auto" else _count(devices)) > 1
    precision = settings.precision
    if precision == "auto":
        precision = "bf16-mixed" if gpus and torch.cuda.is_bf16_supported() else "32-true"
    if precision.startswith("bf16") and not gpus and not _cpu_multiplies_bf16():
        logger.warning("fit.precision is %s, but this CPU has no AMX: training in 32-true", precision)
        precision = "32-true"
    return Fabric(
        accelerator=settings.accelerator,
        devices=devices,
        num_nodes=nodes,
        # A loss that begins later, or a map that nobody reads, leaves parameters without a gradient.
        strategy=DDPStrategy(find_unused_parameters=True) if several else "auto",
        precision=precision,  # type: ignore[arg-type]
    )


def _cpu_multiplies_bf16() -> bool:
    """Whether the CPU has AMX: others are slower in bfloat16 than in float32, and PyTorch crashes on some."""
    return bool(torch.cpu.get_capabilities().get("amx_bf16"))


def _count(devices: str | int) -> int:
    """How many devices are meant.

    Raises:
        ValueError: if that makes no sense.
    """
    try:
        named = [int(part) for part in str(devices).split(",") if part]
    except ValueError:
        named = []
    if not named or (len(named) == 1 and "," not in str(devices) and named[0] < 1):
        raise ValueError(f"fit.devices is {devices!r}; expected auto, a number, or GPUs such as 0,2")
    return len(named) if "," in str(devices) else named[0]


def devices_and_nodes(settings: FitSettings) -> tuple[str | int, int]:
    """Devices a machine and machines, by whoever started this process."""
    environment = os.environ
    if "LOCAL_WORLD_SIZE" in environment:  # torchrun
        each = int(environment["LOCAL_WORLD_SIZE"])
        return each, int(environment["WORLD_SIZE"]) // each
    if "SLURM_NTASKS" in environment and "SLURM_NNODES" in environment and environment.get("SLURM_STEP_ID"):  # srun
        nodes = int(environment["SLURM_NNODES"])
        return int(environment["SLURM_NTASKS"]) // nodes, nodes
    return settings.devices, settings.nodes
