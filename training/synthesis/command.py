"""`python -m training synthesize`: renders shards of synthetic people, several shards at a time, resumable; also makes
the banks that rendering on the fly needs, and measures how fast a machine renders."""

from __future__ import annotations

import argparse
import multiprocessing
import os
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import TYPE_CHECKING

from training.synthesis.assets import SPLITS
from training.synthesis.shards import ShardPlan, plan_shards, read_shard, write_shard

if TYPE_CHECKING:
    from training.synthesis.bank import Bank


EVERYTHING = "all"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds this command's options."""
    what = parser.add_argument_group("what to do (one of them)")
    what.add_argument("--count", type=int, help="render shards: how many crops of the split to have in the end")
    what.add_argument("--make-bank", type=Path, metavar="NPZ", help="write bodies, poses and assets for --device cuda")
    what.add_argument("--benchmark", type=int, metavar="N", help="render N crops in memory and say how fast that went")
    parser.add_argument("--out", type=Path, help="folder of the shards")
    parser.add_argument(
        "--split",
        choices=(*SPLITS, EVERYTHING),
        default="train",
        help=f"{EVERYTHING}: train, and a tenth of the others",
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--shard-size", type=int, default=1000)
    parser.add_argument("--workers", type=int, default=2, help="processes, each with one thread")
    parser.add_argument(
        "--assets",
        type=Path,
        nargs="+",
        default=[],
        metavar="FOLDER",
        help="what fetch-assets filled, and folders of your own: lights/, backgrounds/, motions/, bodies/",
    )
    parser.add_argument("--mocap", type=Path, help="folder of your own ASF/AMC or BVH motions")
    parser.add_argument("--contact-sheet", type=Path, metavar="PNG", help="also draw the first crops with their labels")
    bank = parser.add_argument_group("banks and benchmarks")
    bank.add_argument("--bank", type=Path, metavar="NPZ", help="what --make-bank wrote; without it a small one is made")
    bank.add_argument("--bodies", type=int, default=2000, help="bodies in a bank")
    bank.add_argument("--poses", type=int, default=20000, help="poses in a bank")
    bank.add_argument("--device", default="cpu", help="cpu (the Numba renderer, one core) or cuda")
    bank.add_argument("--batch", type=int, default=128, help="crops in a batch")
    bank.add_argument("--at-once", type=int, default=64, help="crops drawn at a time, about 60 MB each")


def main(arguments: argparse.Namespace) -> int:
    """Renders what is missing, or does what else was asked for; returns 0.

    Raises:
        ValueError: if it is not clear what to do.
    """
    wanted = [arguments.count, arguments.make_bank, arguments.benchmark]
    if sum(value is not None for value in wanted) != 1:
        raise ValueError("synthesize needs exactly one of --count, --make-bank and --benchmark")
    if arguments.make_bank is not None:
        bank = _make_bank(arguments, arguments.bodies, arguments.poses)
        bank.save(arguments.make_bank)
        print(f"{arguments.make_bank}: {arguments.make_bank.stat().st_size / 1e6:.0f} MB")
        return 0
    if arguments.benchmark is not None:
        return _benchmark(arguments)
    if arguments.out is None:
        raise ValueError("synthesize --count needs --out, the folder of the shards")
    for split in splits_of(arguments.split):
        tenth = arguments.split == EVERYTHING and split != "train"
        _render_split(arguments, split, -(-arguments.count // 10) if tenth else arguments.count)
    return 0


def _render_split(arguments: argparse.Namespace, split: str, count: int) -> None:
    plans = plan_shards(arguments.out, split, count, arguments.shard_size, arguments.seed)
    missing = [plan for plan in plans if not plan.done]
    print(f"{len(plans)} shards of {split}, {len(plans) - len(missing)} already there", flush=True)
    if missing:
        _render(missing, split, arguments)
    if arguments.contact_sheet and split == splits_of(arguments.split)[0]:
        from training.synthesis.contact_sheet import draw_contact_sheet

        draw_contact_sheet(read_shard(plans[0].path), arguments.contact_sheet)
        print(f"contact sheet: {arguments.contact_sheet}")


def splits_of(name: str) -> tuple[str, ...]:
    """The splits that ``--split`` means."""
    return SPLITS if name == EVERYTHING else (name,)


def _make_bank(arguments: argparse.Namespace, bodies: int, poses: int) -> Bank:
    from training.synthesis.assets import load_assets
    from training.synthesis.bank import Bank
    from training.synthesis.body import AnnyBody
    from training.synthesis.poses import PoseSampler
    from training.synthesis.rig import Rig

    assets = load_assets(arguments.assets, arguments.mocap, arguments.split)
    for problem in assets.problems:
        print(problem, flush=True)
    body = AnnyBody()
    sampler = PoseSampler(Rig(body.bones, body.rest_heads), assets.clips)
    return Bank.make(body, sampler, assets, arguments.split, (bodies, poses), arguments.seed)


def _benchmark(arguments: argparse.Namespace) -> int:
    import cv2
    import torch

    from training.synthesis.bank import Bank
    from training.synthesis.benchmark import measure

    if arguments.device == "cpu":
        cv2.setNumThreads(1)
        torch.set_num_threads(1)
    bank = Bank.load(arguments.bank) if arguments.bank is not None else _make_bank(arguments, 64, 500)
    speed = measure(
        bank, arguments.device, arguments.benchmark, arguments.batch, arguments.at_once, arguments.seed,
        arguments.contact_sheet,
    )  # fmt: skip
    print(f"{arguments.device}: {speed}")
    return 0


def _render(missing: list[ShardPlan], split: str, arguments: argparse.Namespace) -> None:
    start, made = time.monotonic(), 0
    context = multiprocessing.get_context("spawn")
    settings = (split, arguments.assets, arguments.mocap)
    workers = max(1, min(arguments.workers, len(missing)))
    with ProcessPoolExecutor(workers, context, _start_worker, settings) as pool:
        for shard in as_completed([pool.submit(_make_shard, plan) for plan in missing]):
            plan = shard.result()
            made += plan.count
            print(f"{plan.path.name}: {made} crops, {made / (time.monotonic() - start):.1f} a second", flush=True)


_factory = None
"""The worker process's own factory; building one takes seconds, so it is kept between shards."""


def _start_worker(split: str, assets: list[Path], mocap: Path | None) -> None:
    global _factory
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"):
        os.environ[name] = "1"
    import cv2
    import torch

    from training.synthesis.factory import SampleFactory

    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    _factory = SampleFactory(split, assets, mocap)
    for problem in _factory.assets.problems:
        print(problem, flush=True)


def _make_shard(plan: ShardPlan) -> ShardPlan:
    assert _factory is not None
    write_shard(plan, _factory.samples(plan))
    return plan
