"""What ``python -m training export MODEL.onnx --precision int8 --calibration SHARDS`` does."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator

import numpy as np
import onnx

from metric_pose_ros.image_graph.compose import image_graph, write_image_graph
from metric_pose_ros.image_network import TWIN
from metric_pose_ros.model_hashes import sha256_of
from training.data.batch import Batch
from training.data.shards import Problems
from training.exporting.held_out import held_out, joint_space
from training.exporting.int8 import KEPT, int8_convolutions, with_int8
from training.fitting.validation import Predictions, Scores, score
from training.joint_space import JointSpace
from training.model_file import METADATA_KEY, PoseFile

SUFFIX = "_int8"
MOST_LOSS = 0.03
"""By how much the MPJPE may rise."""
_RANGES = 64


def export_int8(arguments: argparse.Namespace) -> None:
    """Writes NAME_int8.onnx beside a model file, or NAME_gpu.onnx with int8 for TensorRT, and prints what it costs.

    Ranges come from the training split, the cost from the validation split.

    Raises:
        ValueError: if the model cannot be quantized, or it costs more than `MOST_LOSS`; nothing is written then.
        FileNotFoundError: if there are no shards.
    """
    source, for_gpu = arguments.checkpoint, arguments.target == "gpu"
    if source.suffix != ".onnx" or arguments.calibration is None:
        raise ValueError(
            "--precision int8 takes an exported .onnx and --calibration SHARDS: export the checkpoint first, in fp32 "
            "or with fp16 weights"
        )
    file = PoseFile(source)
    space, problems = joint_space(file), Problems()

    def crops(split: str, limit: int) -> Iterator[Batch]:
        return held_out(file, arguments.calibration, split, limit, problems)

    kept = tuple(arguments.keep) if arguments.keep is not None else KEPT
    graph = with_int8(onnx.load(source), crops("train", _RANGES), kept, around_zero=for_gpu)
    done, count = int8_convolutions(graph)
    said = f"int8 in {done} of {count} convolutions, fp32 elsewhere"
    _say(graph, said)
    content = graph.SerializeToString()
    before, after = (measure(each, crops("validation", arguments.samples), space) for each in (file, PoseFile(content)))
    print(f"{said}; {problems}\n{table(before, after)}")
    if not after.mpjpe <= (1 + MOST_LOSS) * before.mpjpe:
        raise ValueError(
            f"not written: the MPJPE rises from {before.mpjpe:.1f} to {after.mpjpe:.1f} mm, by more than "
            f"{MOST_LOSS:.0%}: --keep more parts float"
        )
    target = source.with_name(f"{source.stem}{SUFFIX}.onnx")
    partial = target.with_suffix(".partial")
    if for_gpu:
        target = source.with_name(f"{source.stem}{TWIN}.onnx")
        # In int8 a grey value more or less is another rounding everywhere, so the graph is compared in fp32.
        parity = write_image_graph(source, partial, "fp32")
        print(f"the same graph in fp32, beside {source.name} on crops that the CPU cuts: {parity}")
        content = image_graph(graph, "fp32", made_from=sha256_of(source)).SerializeToString()
    partial.write_bytes(content)
    partial.replace(target)
    print(f"{target}: {target.stat().st_size / 1e6:.1f} MB; `./run bench speed` and `bench-gpu` say whether it pays")


def measure(file: PoseFile, batches: Iterator[Batch], space: JointSpace) -> Scores:
    """How good a model file is on labelled crops."""
    parts = []
    for batch in batches:
        assert batch.crops is not None
        target = batch.target
        found = file.run(batch.crops.numpy(), target.intrinsics.numpy().astype(np.float32))
        parts.append(
            {
                "joints2d": found["joints2d"],
                "relative": found["relative"],
                "absolute": found["absolute"],
                "spread": found["std"],
                "true_mm": np.where(target.known_3d[..., None], target.joints_mm, np.nan),
                "true_px": np.where(target.known_2d[..., None], target.joints_px, np.nan),
                "intrinsics": target.intrinsics.numpy(),
            }
        )
    if not parts:
        raise ValueError("there are no examples to measure the cost of int8 on")
    joined = Predictions(**{name: np.concatenate([part[name] for part in parts]) for name in parts[0]})
    return score(joined, space)


def table(before: Scores, after: Scores) -> str:
    """Both side by side, as Markdown."""
    rows = {
        "MPJPE, mm": "mpjpe",
        "PA-MPJPE, mm": "pa_mpjpe",
        "A-MPJPE, mm": "a_mpjpe",
        "root, median % of its distance": "root_percent",
        "2D, px of the crop": "px",
    }
    lines = [f"| {before.count} validation crops | float | int8 |", "|---|---|---|"]
    lines += [f"| {text} | {getattr(before, key):.1f} | {getattr(after, key):.1f} |" for text, key in rows.items()]
    return "\n".join(lines)


def _say(graph: onnx.ModelProto, precision: str) -> None:
    for entry in graph.metadata_props:
        if entry.key == METADATA_KEY:
            entry.value = json.dumps({**json.loads(entry.value), "precision": precision})
