"""``python -m training domain-gap MODEL ...``: what models say of real people, for whom nobody trained them.

Real pictures come from packages of PyPI and Debian and are kept in ``.cache``; nothing of them is redistributed. All
witnesses are told the same boxes, and MoveNet's keypoints in them: the models and MediaPipe Pose heavy; beside them
stands, in the four calibrated views, a triangulation by other detectors. Written are ``gap.md``, ``gap.json`` and
``gap.png``, a sheet of overlays to look at.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from metric_pose_ros.detection import open_detector
from metric_pose_ros.estimator import PoseEstimator
from metric_pose_ros.skeleton import COCO_17
from training.domain_gap.clips import open_clips
from training.domain_gap.mediapipe_side import UnavailableError, ensure
from training.domain_gap.score import tables
from training.domain_gap.sheet import draw_sheet
from training.domain_gap.witnesses import MEDIAPIPE, hear
from training.evaluation.opening import Looking, open_model
from training.evaluation.tables import Table

BEST_MPJPE_MM, BEST_POSITION_PERCENT = 75.0, 5.0
"""What we want of real people; the position's is a median."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``python -m training domain-gap``."""
    parser.add_argument("models", type=Path, nargs="+", help="exported .onnx or .ckpt, several to compare")
    parser.add_argument("--out", type=Path, default=Path("out/gap"), help="folder for gap.md, gap.json and gap.png")
    parser.add_argument("--clips", nargs="+", help="only those whose names begin so, such as pose2sim")
    parser.add_argument("--no-mediapipe", action="store_true", help="do without MediaPipe and its environment")
    parser.add_argument("--threads", type=int, default=2, help="of the CPU")


def main(arguments: argparse.Namespace) -> int:
    """Measures models and prints the tables; returns 0, or 1 if they could not be measured."""
    try:
        return _measure(arguments)
    except (OSError, ValueError, UnavailableError) as error:
        print(f"domain-gap: {error}", file=sys.stderr)
        return 1


def _measure(arguments: argparse.Namespace) -> int:
    looking = Looking(preferred=COCO_17, threads=arguments.threads)
    models = {name: open_model(path, looking).estimator for name, path in _named(arguments.models).items()}
    clips, missing = open_clips()
    if arguments.clips:
        clips = [clip for clip in clips if clip.name.startswith(tuple(arguments.clips))]
    if not clips:
        raise ValueError("there is no clip to look at; " + "; ".join(missing))
    with_mediapipe = not arguments.no_mediapipe and _has_mediapipe(missing)
    detector = open_detector("movenet", arguments.threads)
    told = [hear(clip, models, with_mediapipe, detector) for clip in clips]
    found = tables(clips, told)
    arguments.out.mkdir(parents=True, exist_ok=True)
    text = "\n\n".join([*(table.markdown() for table in found), _verdict(found[0], models), *_skipped(missing)])
    (arguments.out / "gap.md").write_text(text + "\n")
    document = {
        "models": {
            name: {"file": str(path), **_about(models[name])} for name, path in _named(arguments.models).items()
        },
        "skipped": missing,
        "tables": {table.key: table.json() for table in found},
    }
    (arguments.out / "gap.json").write_text(json.dumps(document, indent=1) + "\n")
    draw_sheet(clips, told, arguments.out / "gap.png")
    print(f"{text}\n\nwritten: {arguments.out}/gap.md, gap.json; look at {arguments.out}/gap.png")
    return 0


def _named(paths: list[Path]) -> dict[str, Path]:
    """Models by names that tell them apart: the file's, with as many folders as that takes."""
    for depth in range(1, max(len(path.parts) for path in paths) + 1):
        names = ["/".join(path.with_suffix("").parts[-depth:]) for path in paths]
        if len(set(names)) == len(names):
            return dict(zip(names, paths, strict=True))
    raise ValueError(f"a model was given twice: {', '.join(map(str, paths))}")


def _about(model: PoseEstimator) -> dict[str, str]:
    return {"runs_on": model.description, "skeleton": model.skeleton.name}


def _has_mediapipe(missing: list[str]) -> bool:
    try:
        ensure()
    except UnavailableError as error:
        missing.append(f"{MEDIAPIPE}: {error}")
        return False
    return True


def _verdict(stereo: Table, models: dict[str, PoseEstimator]) -> str:
    """What is reached of what we want of real people."""
    if not stereo.rows:
        return "Without the calibrated views nothing can be said of positions."
    bar = stereo.rows.get(MEDIAPIPE, {}).get("mpjpe", float("inf"))
    lines = []
    for name in models:
        row = stereo.rows[name]
        reached = {
            f"MPJPE {row['mpjpe']:.0f} mm, wanted {BEST_MPJPE_MM:.0f}": row["mpjpe"] <= BEST_MPJPE_MM,
            f"MediaPipe {bar:.0f} mm": row["mpjpe"] < bar,
            f"position {row['position_median']:.1f} % in the median, wanted {BEST_POSITION_PERCENT:.0f}": (
                row["position_median"] <= BEST_POSITION_PERCENT
            ),
        }
        lines.append(f"- {name}: " + "; ".join(f"{what}: {'yes' if good else 'no'}" for what, good in reached.items()))
    return "\n".join(lines)


def _skipped(missing: list[str]) -> list[str]:
    return ["Not looked at:\n\n" + "\n".join(f"- {reason}" for reason in missing)] if missing else []
