"""``python -m training evaluate MODEL --protocol P``: measures an exported model or a checkpoint.

Pictures take the way they take in the robot: camera and box to a crop that looks at the person, the network, placement.
An exported model runs in ONNX Runtime, so the numbers are those of the file that a robot loads. With ``--card`` they
are written into the model card beside it, with a picture of whether the stated uncertainty is true. A checkpoint is not
calibrated yet: sizes and uncertainty are as trained.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import torch

from metric_pose_ros.skeleton import BODY_30
from training.data.frames import read_frames
from training.data.shards import Problems, read_samples, shard_paths
from training.evaluation.finding import count_examples, evenly_chosen, find_crowds, find_people
from training.evaluation.opening import Looking, Opened, open_model
from training.evaluation.people import People
from training.evaluation.protocols import h36m, h36m_truncated, mpi_inf_3dhp, mupots, synthetic, threedpw
from training.evaluation.protocols.protocol import Protocol
from training.evaluation.tables import Table
from training.model_card import write_card

PROTOCOLS: dict[str, Protocol] = {
    module.PROTOCOL.name: module.PROTOCOL for module in (h36m, h36m_truncated, mpi_inf_3dhp, threedpw, synthetic)
}
"""By name, those of one person a picture."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``python -m training evaluate``."""
    parser.add_argument("model", type=Path, help="an exported .onnx or a .ckpt")
    parser.add_argument("--protocol", default="synthetic", choices=(*PROTOCOLS, mupots.NAME))
    parser.add_argument("--shards", type=Path, default=Path("out/shards"), help="of the protocol's data set")
    parser.add_argument("--split", choices=("train", "validation", "test"), help="instead of the protocol's")
    parser.add_argument("--skeleton", help="which of the model's skeletons; by default the protocol's, or its first")
    parser.add_argument("--views", type=int, default=1, help="looks at each person that are averaged; MeTRAbs takes 5")
    parser.add_argument("--mirror", action="store_true", help="average over each crop and its mirror image")
    parser.add_argument(
        "--boxes", default="detector", choices=("detector", "truth"), help="mupots: find people, or be told where"
    )
    parser.add_argument("--detector", default="movenet", help="mupots: movenet, nanodet or a file")
    parser.add_argument("--limit", type=int, default=0, help="at most so many samples, evenly chosen; 0 for all")
    parser.add_argument("--batch", type=int, default=4, help="crops that go through the network at once")
    parser.add_argument("--threads", type=int, default=1, help="of the CPU")
    parser.add_argument("--device", default="auto", help="of torch, for checkpoints: auto, cpu or cuda")
    parser.add_argument("--json", type=Path, help="also write the results here")
    parser.add_argument("--markdown", type=Path, help="also write the tables here")
    parser.add_argument("--card", action="store_true", help="write the results into the card beside the exported model")


def main(arguments: argparse.Namespace) -> int:
    """Measures a model and prints the tables; returns 0, or 1 if it could not be measured."""
    try:
        return _evaluate(arguments)
    except (OSError, ValueError) as error:
        print(f"evaluate {arguments.model}: {error}", file=sys.stderr)
        return 1


def _evaluate(arguments: argparse.Namespace) -> int:
    if arguments.mirror and arguments.views > 1:
        raise ValueError("--mirror goes with one view: several are mirrored by turns anyway")
    problems = Problems()
    opened = open_model(arguments.model, _looking(arguments))
    tables, split, people = _measure(opened, arguments, problems)
    text = "\n\n".join(table.markdown() for table in tables)
    print(f"{arguments.model}, {arguments.protocol}, {split} split; {problems}\n\n{text}")
    if arguments.json:
        arguments.json.write_text(json.dumps(_document(arguments, opened, split, tables, problems), indent=2) + "\n")
    if arguments.markdown:
        arguments.markdown.write_text(f"{arguments.model}; {problems}\n\n{text}\n")
    if arguments.card:
        picture = _reliability_picture(arguments, people)
        print(f"\n{write_card(arguments.model, arguments.protocol, tables[:1], picture)}")
    return 0


def _reliability_picture(arguments: argparse.Namespace, people: People | None) -> Path | None:
    """Drawn beside the model, of protocols whose people have an uncertainty to be judged by."""
    if people is None or arguments.protocol != synthetic.PROTOCOL.name:
        return None
    from training.evaluation.calibration_plot import draw_reliability  # brings Matplotlib, which takes its time

    path = arguments.model.with_name(f"{arguments.model.stem}_calibration.png")
    draw_reliability(synthetic.by_truncation(people), path, f"{arguments.model.stem}, people held out")
    return path


def _measure(
    opened: Opened, arguments: argparse.Namespace, problems: Problems
) -> tuple[list[Table], str, People | None]:
    """The tables of the protocol, the split they are of, and those measured if they were one a picture."""
    if arguments.protocol == mupots.NAME:
        split = arguments.split or mupots.SPLIT
        paths = shard_paths(arguments.shards, split)
        count = count_examples(paths)
        frames = evenly_chosen(read_frames(paths, problems), count, arguments.limit)
        total = min(count, arguments.limit or count)
        crowds = find_crowds(opened, frames, mupots.MUPOTS_17, arguments.boxes == "truth", total)
        return mupots.tables(crowds), split, None
    protocol = PROTOCOLS[arguments.protocol]
    split = arguments.split or protocol.split
    paths = shard_paths(arguments.shards, split)
    count = count_examples(paths)
    samples = evenly_chosen(read_samples(paths, problems), count, arguments.limit)
    total = min(count, arguments.limit or count)
    people = find_people(opened, samples, protocol, arguments.batch, problems, total)
    return protocol.tables(people), split, people


def _looking(arguments: argparse.Namespace) -> Looking:
    whole_frames = arguments.protocol == mupots.NAME
    preferred = mupots.MUPOTS_17 if whole_frames else PROTOCOLS[arguments.protocol].skeleton or BODY_30
    detects = whole_frames and arguments.boxes == "detector"
    device = arguments.device
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    return Looking(
        views=arguments.views,
        mirror=arguments.mirror,
        skeleton=arguments.skeleton,
        preferred=preferred,
        threads=arguments.threads,
        device=device,
        detector=arguments.detector if detects else None,
        only_plausible=detects,
    )


def _document(
    arguments: argparse.Namespace, opened: Opened, split: str, tables: list[Table], problems: Problems
) -> dict[str, object]:
    """What the JSON file says: how it was measured, what was skipped, and the tables."""
    return {
        "model": str(arguments.model),
        "runs_on": opened.estimator.description,
        "skeleton": opened.estimator.skeleton.name,
        "protocol": arguments.protocol,
        "split": split,
        "views": arguments.views,
        "mirror": arguments.mirror,
        "limit": arguments.limit,
        "skipped": dict(problems.counts),
        "tables": {table.key: table.json() for table in tables},
    }
