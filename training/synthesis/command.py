"""`python -m training synthesize`: renders shards of synthetic people, several shards at a time, resumable."""

from __future__ import annotations

import argparse
import multiprocessing
import os
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path

from training.synthesis.assets import SPLITS
from training.synthesis.shards import ShardPlan, plan_shards, read_shard, write_shard


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds this command's options."""
    parser.add_argument("--count", type=int, required=True, help="how many crops of the split to have in all")
    parser.add_argument("--out", type=Path, required=True, help="folder of the shards")
    parser.add_argument("--split", choices=SPLITS, default="train")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--shard-size", type=int, default=1000)
    parser.add_argument("--workers", type=int, default=2, help="processes, each with one thread")
    parser.add_argument("--assets", type=Path, help="folder that fetch-assets filled (lights, backgrounds, motions)")
    parser.add_argument("--mocap", type=Path, help="folder of your own ASF/AMC or BVH motions")
    parser.add_argument("--contact-sheet", type=Path, metavar="PNG", help="also draw the first crops with their labels")


def main(arguments: argparse.Namespace) -> int:
    """Renders what is missing; returns 0."""
    plans = plan_shards(arguments.out, arguments.split, arguments.count, arguments.shard_size, arguments.seed)
    missing = [plan for plan in plans if not plan.done]
    print(f"{len(plans)} shards of {arguments.split}, {len(plans) - len(missing)} already there", flush=True)
    if missing:
        _render(missing, arguments)
    if arguments.contact_sheet:
        from training.synthesis.contact_sheet import draw_contact_sheet

        draw_contact_sheet(read_shard(plans[0].path), arguments.contact_sheet)
        print(f"contact sheet: {arguments.contact_sheet}")
    return 0


def _render(missing: list[ShardPlan], arguments: argparse.Namespace) -> None:
    start, made = time.monotonic(), 0
    context = multiprocessing.get_context("spawn")
    settings = (arguments.split, arguments.assets, arguments.mocap)
    workers = max(1, min(arguments.workers, len(missing)))
    with ProcessPoolExecutor(workers, context, _start_worker, settings) as pool:
        for shard in as_completed([pool.submit(_make_shard, plan) for plan in missing]):
            plan = shard.result()
            made += plan.count
            print(f"{plan.path.name}: {made} crops, {made / (time.monotonic() - start):.1f} a second", flush=True)


_factory = None
"""The worker process's own factory; building one takes seconds, so it is kept between shards."""


def _start_worker(split: str, assets: Path | None, mocap: Path | None) -> None:
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
