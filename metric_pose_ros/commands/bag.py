"""`metric-pose bag`: what the node would publish, added to recorded bags, without ROS."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from metric_pose_ros import plain_yaml
from metric_pose_ros.pipeline import open_streams
from metric_pose_ros.settings import NODE_ONLY, Settings, camera_names, changed

if TYPE_CHECKING:
    from metric_pose_ros.bags.job import Job
    from metric_pose_ros.bags.processing import OpenStreams, Outcome

_BASE = Settings(background_detection=False, publish_overlay=False)
"""A detector in the background would find people at times that differ from run to run; overlays make bags large."""


def add_parser(commands: argparse._SubParsersAction) -> None:
    """Describes the command."""
    parser = commands.add_parser(
        "bag",
        help="add people to recorded bags",
        description="Reads bags of ROS 2, looks for people in their images as the node does, and writes bags with the "
        "node's topics beside the recorded ones. No ROS is needed. A run that was killed can be started again.",
    )
    parser.add_argument("source", type=Path, nargs="+", help="bags: folders, .mcap or .db3 files")
    parser.add_argument("target", type=Path, help="the folder to write; of several bags, the folder for their folders")
    parser.add_argument(
        "--image",
        action="append",
        default=[],
        metavar="TOPIC",
        help="of the images (default: the only one); of several cameras, CAMERA:=TOPIC for each, or '/{camera}/image'",
    )
    parser.add_argument(
        "--camera-info",
        action="append",
        default=[],
        metavar="TOPIC",
        help="likewise (default: the one beside the images, or the only one)",
    )
    parser.add_argument(
        "-p",
        action="append",
        default=[],
        metavar="NAME:=VALUE",
        help="one of the node's parameters, such as model:=fast or publish_people:=true",
    )
    parser.add_argument("--params-file", type=Path, metavar="YAML", help="the node's parameters as ROS has them")
    parser.add_argument(
        "--leave-out",
        action="append",
        default=[],
        metavar="PATTERN",
        help="topics not to copy, such as '/camera/*', or '*' for all; may be given several times",
    )
    parser.add_argument("--storage", choices=("mcap", "sqlite3"), default="", help="(default: as the bag's)")
    parser.add_argument(
        "--jobs", type=int, metavar="N", help="bags at once (default: as many as the processor has cores for)"
    )
    parser.add_argument("--overwrite", action="store_true", help="replace bags that are there already")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, open_streams: OpenStreams = open_streams) -> int:
    """Runs the command; see `metric_pose_ros.commands.main` for the exit status.

    Args:
        arguments: as the parser gives them.
        open_streams: makes what finds people.

    Raises:
        ValueError: if an argument cannot be used.
        OSError: if a file is missing.
    """
    try:
        from metric_pose_ros.bags.many import process_all
        from metric_pose_ros.commands.bag_progress import BagProgress
    except ImportError as error:
        raise ValueError(f"{error}: it needs `pip install rosbags rich`") from error
    jobs = _jobs(arguments)
    cores = max((os.cpu_count() or 1) // jobs[0].settings.threads, 1)
    at_once = cores if arguments.jobs is None else arguments.jobs
    if at_once < 1:
        raise ValueError(f"--jobs is {at_once}, expected at least 1")
    with BagProgress([job.source.name for job in jobs]) as bars:
        outcomes = process_all(jobs, at_once, open_streams, bars.update)
    for job, outcome in zip(jobs, outcomes, strict=True):
        _say(job, outcome)
    return 2 if any(outcome.error for outcome in outcomes) else 0


def _say(job: Job, outcome: Outcome) -> None:
    for complaint in outcome.complaints:
        print(f"{job.source}: {complaint}", file=sys.stderr)
    if outcome.error:
        print(f"metric-pose bag: {outcome.error}", file=sys.stderr)
    elif outcome.done_before:
        print(f"{job.target}: there already, made of the same bag with the same settings")
    else:
        print(f"{job.target}: {outcome.images} images")


def _jobs(arguments: argparse.Namespace) -> list[Job]:
    from metric_pose_ros.bags.job import Job

    target, sources = arguments.target, arguments.source
    if target.suffix in (".mcap", ".db3", ".bag"):
        raise ValueError(f"{target} is to become a folder with the bag in it: leave out {target.suffix}")
    names = [source.stem if source.suffix in (".mcap", ".db3") else source.resolve().name for source in sources]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"several bags are called {', '.join(twice)}: name their results one by one")
    settings = _settings(arguments)
    images = _by_camera("--image", arguments.image, settings)
    camera_infos = _by_camera("--camera-info", arguments.camera_info, settings)
    return [
        Job(
            source=source,
            target=target if len(sources) == 1 else target / name,
            settings=settings,
            images=images,
            camera_infos=camera_infos,
            left_out=tuple(arguments.leave_out),
            storage=arguments.storage,
            overwrite=arguments.overwrite,
        )
        for source, name in zip(sources, names, strict=True)
    ]


def _by_camera(option: str, given: Sequence[str], settings: Settings) -> dict[str, str]:
    """Topics by camera, from ``TOPIC``, ``CAMERA:=TOPIC`` or a topic with ``{camera}`` in it."""
    names = camera_names(settings)
    topics: dict[str, str] = {}
    for text in given:
        name, is_named, topic = text.partition(":=")
        if is_named:
            if name not in names:
                known = (
                    f"cameras are {', '.join(names)}" if any(names) else "name the cameras with -p cameras:=NAME,NAME"
                )
                raise ValueError(f"{option} {text} is about a camera that there is not: {known}")
            topics[name] = topic
        elif any(names) and "{camera}" not in text:
            raise ValueError(
                f"{option} {text} names one topic for the cameras {', '.join(names)}, expected {option} "
                f"{names[0]}:={text} and so on, or a topic with {{camera}} in it"
            )
        else:
            topics |= {name: text.replace("{camera}", name) for name in names}
    return topics


def _settings(arguments: argparse.Namespace) -> Settings:
    values: dict[str, Any] = {}
    if arguments.params_file is not None:
        # The node's own file holds what only the node needs, too.
        values = {name: value for name, value in _read(arguments.params_file).items() if name not in NODE_ONLY}
    for text in arguments.p:
        name, found, value = text.partition(":=")
        if not found:
            raise ValueError(f"-p {text} cannot be read, expected NAME:=VALUE such as model:=fast")
        if name in NODE_ONLY:
            raise ValueError(f"the parameter {name} is about a running node and means nothing for a bag: leave it out")
        values[name] = _value(name, value)
    return changed(_BASE, values)


def _value(name: str, text: str) -> Any:
    """A parameter's value from the command line; what is wrong with it is left for `changed` to say."""
    default = {row.name: row.default for row in fields(Settings)}.get(name)
    if isinstance(default, str):
        return text
    try:
        value = plain_yaml.load(text)
    except ValueError as error:
        raise ValueError(f"the parameter {name} is {text!r}: {error}") from error
    return float(value) if isinstance(default, float) and isinstance(value, int) else value


def _read(path: Path) -> dict[str, Any]:
    """Parameters from a file such as ``config/metric_pose.yaml``, of whichever node it names.

    Raises:
        OSError: if there is no such file.
        ValueError: if it holds no parameters.
    """
    try:
        content = plain_yaml.load(path.read_bytes())
        nodes: Sequence[dict[str, Any]] = [node["ros__parameters"] for node in content.values()]
        return {name: value for node in nodes for name, value in node.items()}
    except (AttributeError, KeyError, TypeError) as error:
        raise ValueError(f"{path} holds no parameters, expected NODE: ros__parameters: NAME: VALUE") from error
    except ValueError as error:
        raise ValueError(f"{path} holds no parameters: {error}") from error
