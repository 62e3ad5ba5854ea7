"""What does not go as it should for as long as it does not, beside the complaints about single messages."""

from __future__ import annotations

from rclpy.node import Node

from metric_pose_ros.ros.watchdog import Watchdog
from metric_pose_ros.settings import Settings

_SILENT_S = 5.0
"""Seconds without an image that are worth a word."""


def warnings(watchdog: Watchdog, settings: Settings, clock_runs: bool = True) -> list[str]:
    """What is wrong now, in words, the worst first.

    Args:
        watchdog: of the node's worker.
        settings: of now.
        clock_runs: whether ROS' clock says any time.
    """
    streams = watchdog.streams
    left_out = getattr(streams, "left_out", 0)
    said = [
        watchdog.warning,
        getattr(getattr(streams, "estimator", None), "trouble", ""),
        "" if clock_runs else "use_sim_time is set, but nothing came on /clock yet",
        _silence(watchdog),
        f"{left_out} people are left out: no more than the nearest {settings.max_people} are looked at (max_people)"
        if left_out
        else "",
    ]
    return [each for each in said if each]


def namesakes(node: Node) -> str:
    """Whether another node has the name of this one, in words; empty if none has."""
    own = (node.get_name(), node.get_namespace())
    count = node.get_node_names_and_namespaces().count(own)
    if count < 2:
        return ""
    return (
        f"{count} nodes have the name {node.get_fully_qualified_name()}: all publish on the same topics, and services "
        "reach any of them. Stop the others, or name them with -r __node:=NAME"
    )


def _silence(watchdog: Watchdog) -> str:
    """Which of several cameras send no images; that none does is another matter."""
    if watchdog.worker is None:
        return ""
    silent = watchdog.worker.silent(_SILENT_S)
    if not silent or silent == [""]:
        return ""
    return f"no image of {', '.join(silent)} for {_SILENT_S:.0f} s"
