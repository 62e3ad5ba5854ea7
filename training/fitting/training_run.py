"""One training run: the model, its average, the optimizer, and how far they are.

Everything random is drawn from (seed, step), so a run that was killed goes on from its last checkpoint exactly as if
nothing had happened.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from training.checkpoint import CHECKPOINT, SMALL_CHECKPOINT, load_model, read_checkpoint, small_state, write_checkpoint
from training.data.batch import Batch, Target
from training.fitting.devices import Fabric
from training.fitting.fit_settings import FitSettings
from training.fitting.optimization import (
    RunningAverage,
    build_optimizer,
    freeze,
    learning_rate_factor,
    measure_sizes,
    prepare_batch_norm,
    set_learning_rate,
    training_mode,
)
from training.networks.pose_model import PoseModel, build_model

Tensors = dict[str, Tensor]


class LossModule(nn.Module):
    """The losses of a model as a module: gradients are shared between processes only if everything that they come from
    is computed in the forward pass of what Fabric wraps.

    Args:
        model: what is trained.
        freeze_backbone: whether the backbone's maps need no gradient.
    """

    def __init__(self, model: PoseModel, freeze_backbone: bool) -> None:
        super().__init__()
        self.model, self.freeze_backbone = model, freeze_backbone

    def forward(self, inputs: Tensors, target: Tensors, progress: float, draw: Tensor) -> Tensors:
        """Crops (under ``crops``) or the backbone's maps by name, and the truth, to the losses by name."""
        if "crops" in inputs:
            with torch.set_grad_enabled(torch.is_grad_enabled() and not self.freeze_backbone):
                features = self.model.features(inputs["crops"])
        else:
            features = inputs
        reading = self.model.read(features)
        with torch.autocast(draw.device.type, enabled=False):
            return self.model.head.losses(reading, Target(**target), progress, draw)


class Run:
    """A run on this process' device.

    Args:
        config: see training/configs.
        out: folder of the checkpoint and the learning curve.
        fabric: launched.
        with_weights: whether to read files of weights that the configuration names; a checkpoint brings its own.

    Attributes:
        step: how many steps are done.
        seconds: how long they took, over all sittings.
        smooth: running means of the losses.
    """

    def __init__(self, config: dict[str, Any], out: Path, fabric: Fabric, with_weights: bool = True) -> None:
        self.config, self.out, self.fabric = config, out, fabric
        self.settings = settings = FitSettings.from_configuration(config["fit"])
        if settings.batch % fabric.world_size:
            raise ValueError(f"a batch of {settings.batch} cannot be shared by {fabric.world_size} processes evenly")
        self.freeze_backbone = settings.freeze_backbone or "cache" in config["data"]
        torch.manual_seed(settings.seed)
        model = build_model(config["model"], with_weights)
        if self.freeze_backbone:
            model.backbone.requires_grad_(False)
        freeze(model.backbone, settings.frozen)
        # Depthwise convolutions train twice as fast on a CPU with the channels last.
        model = model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        several_gpus = fabric.world_size > 1 and fabric.device.type == "cuda"
        self.model = prepare_batch_norm(model, settings.batch_norm, several_gpus)
        optimizer = build_optimizer(self.model, settings.optimizer)
        self.losses, self.optimizer = fabric.setup(LossModule(self.model, self.freeze_backbone), optimizer)
        self.average = RunningAverage(self.model, settings.average)
        self.step, self.seconds = 0, 0.0
        self.smooth: dict[str, float] = {}

    def train_step(self, batch: Batch) -> Tensors:
        """One step of the optimizer on this process' share of the batch.

        Returns:
            the losses by name, of this share.
        """
        settings, fabric = self.settings, self.fabric
        factor = learning_rate_factor(settings.schedule, self.step, settings.steps)
        set_learning_rate(self.optimizer, factor)
        training_mode(self.model, self.freeze_backbone, settings.batch_norm)
        generator = torch.Generator().manual_seed(settings.seed * 1_000_003 + self.step)
        draw = torch.rand(settings.batch, generator=generator)[fabric.global_rank :: fabric.world_size]
        # Dropped neurons and paths, which differ from process to process.
        torch.manual_seed((settings.seed * 1_000_003 + self.step) * 1009 + fabric.global_rank)
        inputs = {"crops": batch.crops} if batch.features is None else batch.features
        losses = self.losses(inputs, vars(batch.target), self.step / settings.steps, draw.to(fabric.device))
        self.optimizer.zero_grad()
        fabric.backward(losses["total"])
        if settings.clip_gradient:
            fabric.clip_gradients(
                self.losses, self.optimizer, max_norm=settings.clip_gradient, error_if_nonfinite=False
            )
        self.optimizer.step()
        self.average.update(self.step)
        self.step += 1
        return {name: loss.detach() for name, loss in losses.items()}

    def follow(self, losses: Tensors) -> None:
        """Takes losses into the running means, averaged over processes.

        Raises:
            FloatingPointError: if the total is not finite: nothing good comes after that.
        """
        names = sorted(losses)
        values = torch.stack([losses[name].float() for name in names])
        if self.fabric.world_size > 1:
            values = self.fabric.all_reduce(values, reduce_op="mean")  # type: ignore[assignment]
        found = dict(zip(names, values.tolist(), strict=True))
        if not torch.isfinite(values).all():
            raise FloatingPointError(
                f"the losses of step {self.step} are {found}: lower fit.optimizer.rate, or set fit.clip_gradient; "
                f"the last checkpoint is still good"
            )
        self.smooth = {name: 0.98 * self.smooth.get(name, value) + 0.02 * value for name, value in found.items()}

    def state(self) -> dict[str, Any]:
        """What a checkpoint holds."""
        return {
            "config": self.config,
            "step": self.step,
            "model": self.model.state_dict(),
            "average": self.average.state(),
            "optimizer": self.optimizer.state_dict(),
            "curve": {"seconds": self.seconds, "smooth": self.smooth},
        }

    def save(self) -> None:
        """Writes the checkpoint; one process does."""
        if self.fabric.is_global_zero:
            write_checkpoint(self.out / CHECKPOINT, self.state())
        self.fabric.barrier()

    def save_small(self) -> None:
        """Writes what export needs, as small as it gets."""
        if self.fabric.is_global_zero:
            write_checkpoint(self.out / SMALL_CHECKPOINT, small_state(self.state()))

    def resume(self) -> bool:
        """Goes on from the checkpoint if there is one.

        Raises:
            ValueError: if it is one of another model, or the processes find different steps.
        """
        resumed = self._load()
        if self.fabric.world_size > 1:
            # Processes at different steps would share gradients of different weights, and no error would say so.
            here = torch.tensor(self.step, device=self.fabric.device)
            steps = self.fabric.all_gather(here).flatten().tolist()  # type: ignore[union-attr]
            if len(set(steps)) > 1:
                raise ValueError(
                    f"of the checkpoint in {self.out}, the {len(steps)} processes find the steps {steps}: --out must "
                    "be one folder that all machines see"
                )
        return resumed

    def _load(self) -> bool:
        """Takes what the checkpoint says; whether there is one."""
        path = self.out / CHECKPOINT
        if not path.is_file():
            return False
        state = read_checkpoint(path)
        if state["config"]["model"] != self.config["model"]:
            raise ValueError(f"{path} is a checkpoint of another model: give another --out, or delete it")
        self.model.load_state_dict(state["model"])
        self.average.load(state["average"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.step = state["step"]
        self.seconds, self.smooth = state["curve"]["seconds"], dict(state["curve"]["smooth"])
        return True

    def start_from(self, checkpoint: Path) -> None:
        """Takes the averaged weights of another run of the same model, and nothing else of it."""
        model, _ = load_model(checkpoint)
        weights = model.state_dict()
        self.model.load_state_dict(weights)
        self.average.load({name: weights[name].to(self.fabric.device) for name in self.average.state()})
        measure_sizes(self.optimizer)
