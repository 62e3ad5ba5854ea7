"""How many crops a second a machine renders, and a picture of some of them."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

import torch

from training.synthesis.bank import Bank
from training.synthesis.contact_sheet import draw_contact_sheet
from training.synthesis.on_the_fly import OnTheFly
from training.synthesis.shots import Shots

_ON_SHEET = 40


@dataclass(frozen=True)
class Speed:
    """crops: how many were rendered; seconds: how long that took; memory_mib: the most the device held, 0 on a CPU."""

    crops: int
    seconds: float
    memory_mib: float

    def __str__(self) -> str:
        rate = self.crops / self.seconds
        memory = f", {self.memory_mib:.0f} MiB at most" if self.memory_mib else ""
        return f"{rate:.1f} crops/s ({self.crops} in {self.seconds:.1f} s{memory})"


def measure(bank: Bank, device: str, count: int, batch: int, at_once: int, seed: int, sheet: Path | None) -> Speed:
    """Renders at least `count` crops after a batch to warm up; writes a contact sheet of the first ones if asked for.

    Raises:
        ValueError: if the device is not there.
    """
    on_gpu = torch.device(device).type == "cuda"
    if on_gpu and not torch.cuda.is_available():
        raise ValueError(f"--device {device}: torch {torch.__version__} finds no GPU here; use --device cpu")
    stream = OnTheFly(bank, device, batch, seed, at_once=at_once)
    stream.shots(0)
    if on_gpu:
        torch.cuda.synchronize()
        torch.cuda.reset_peak_memory_stats()
    start, made, shown = time.perf_counter(), 0, list[Shots]()
    while made < count:
        shots = stream.shots(1 + made // batch)
        if len(shown) * batch < _ON_SHEET:
            shown.append(shots)
        made += len(shots)
    if on_gpu:
        torch.cuda.synchronize()
    seconds = time.perf_counter() - start
    if sheet is not None:
        draw_contact_sheet(Shots.join(shown, _ON_SHEET).samples(), sheet)
    return Speed(made, seconds, torch.cuda.max_memory_allocated() / 2**20 if on_gpu else 0.0)
