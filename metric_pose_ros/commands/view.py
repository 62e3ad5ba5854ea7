"""`metric-pose view`: people in 3D over time, from a bag or from running nodes."""

from __future__ import annotations

import argparse
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from metric_pose_ros.viewing import Asked

if TYPE_CHECKING:
    from metric_pose_ros.scene import Scene

_LIVE = Asked("/metric_pose/markers", "image", "camera_info")
_DATA_PORT = 9876


def add_parser(commands: argparse._SubParsersAction) -> None:
    """Describes the command."""
    parser = commands.add_parser(
        "view",
        help="look at people in 3D, from a bag or live",
        description="Shows images and skeletons in the viewer Rerun: those of a bag, for which no ROS is needed, or "
        "without a bag those that a running node publishes.",
    )
    parser.add_argument("bag", type=Path, nargs="?", help="folder, .mcap or .db3 file; without one: what runs now")
    parser.add_argument("--markers", default="", metavar="TOPIC", help=f"of people (live: {_LIVE.markers})")
    parser.add_argument("--image", default="", metavar="TOPIC", help=f"(live: {_LIVE.image}; may end in /compressed)")
    parser.add_argument("--camera-info", default="", metavar="TOPIC", help=f"(live: {_LIVE.info})")
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--web", action="store_true", help="for a browser, until Ctrl+C, instead of in a window")
    where.add_argument("--save", type=Path, metavar="RRD", help="to a file that `rerun FILE` shows")
    parser.add_argument("--port", type=int, default=9090, help="of the page for --web (default 9090)")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Runs the command; see `metric_pose_ros.commands.main` for the exit status.

    Raises:
        ValueError: if the bag cannot be used, or the viewer or ROS is not installed.
        OSError: if there is no bag.
    """
    try:
        from metric_pose_ros import scene  # noqa: F401
    except ImportError as error:
        raise ValueError(f"{error}: it needs `pip install rerun-sdk`") from error
    asked = Asked(arguments.markers, arguments.image, arguments.camera_info)
    opened: list[Scene] = []

    def open_scene() -> Scene:
        opened.append(_open(arguments))
        return opened[0]

    try:
        if arguments.bag is None:
            _live(open_scene(), asked)
            return 0
        from metric_pose_ros.bags.showing import show

        moments = show(arguments.bag, open_scene, asked)
        print(f"{moments} moments with people or their leaving" + (f" in {arguments.save}" if arguments.save else ""))
        if arguments.web:
            threading.Event().wait()
    finally:
        for each in opened:
            each.close()
    return 0


def _open(arguments: argparse.Namespace) -> Scene:
    from metric_pose_ros.scene import Scene

    if arguments.save is not None:
        return Scene.saved(arguments.save)
    if arguments.web:
        scene, address = Scene.in_browser(arguments.port, _DATA_PORT)
        print(f"open {address} in a browser; Ctrl+C ends it", flush=True)
        return scene
    return Scene.in_window()


def _live(scene: Scene, asked: Asked) -> None:
    try:
        from metric_pose_ros.ros import live_scene
    except ImportError as error:
        raise ValueError(f"{error}: without a bag, `metric-pose view` needs ROS: source it, or give a bag") from error
    live_scene.run(scene, Asked(*(given or usual for given, usual in zip(asked, _LIVE, strict=True))))
