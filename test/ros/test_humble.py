"""Everything that is used of rclpy is in Humble's, too; read from the sources, since Humble is not at hand."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from rclpy.clock import Clock
from rclpy.lifecycle import LifecycleNode, LifecyclePublisher

from test.ros.humble_api import ATTRIBUTES, METHODS, MODULES

ROOT = Path(__file__).parents[2]
SOURCES = sorted(
    path
    for folder in ("metric_pose_ros/ros", "metric_pose_ros/demo", "metric_pose_ros/commands", "docs/examples")
    for path in (ROOT / folder).glob("*.py")
)
HERE = {name for kind in (LifecycleNode, LifecyclePublisher, Clock) for name in dir(kind) if not name.startswith("_")}
"""Names that the rclpy at hand has, some of which came after Humble."""


def test_there_is_something_to_look_at() -> None:
    used = {problem_free.name for problem_free in SOURCES}
    assert {"node.py", "worker.py", "video_player.py", "recorder.py", "stop_within_reach.py"} <= used
    assert "add_post_set_parameters_callback" in HERE  # of Jazzy: what follows would find it


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.name)
def test_what_is_used_of_rclpy_is_in_humble(path: Path) -> None:
    assert list(problems(ast.parse(path.read_text(encoding="utf-8")))) == []


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("from rclpy.event_handler import PublisherEventCallbacks", "rclpy.event_handler"),
        ("from rclpy.clock import ClockEvent", "ClockEvent"),
        ("node.add_post_set_parameters_callback(print)", "add_post_set_parameters_callback"),
        ("node.create_timer(1.0, print, autostart=False)", "autostart"),
        ("node.create_timer(1.0, print, None, None, False)", "create_timer"),
        ("import rclpy\nwith rclpy.init(): pass", "with"),
    ],
)
def test_what_came_later_would_be_found(text: str, found: str) -> None:
    (problem,) = problems(ast.parse(text))
    assert found in problem


def test_where_something_moved_both_places_are_tried() -> None:
    text = "try:\n from rclpy.event_handler import A\nexcept ImportError:\n from rclpy.qos_event import {}"
    assert list(problems(ast.parse(text.format("PublisherEventCallbacks")))) == []
    assert len(list(problems(ast.parse(text.format("Another"))))) == 1


def problems(tree: ast.Module) -> Iterator[str]:
    """What Humble lacks of what a module uses of rclpy."""
    elsewhere = {
        id(line) for each in ast.walk(tree) if isinstance(each, ast.Try) and _falls_back(each) for line in each.body
    }
    imported: dict[str, tuple[str, ...] | None] = {}
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.ImportFrom)
            and (node.module or "").split(".")[0] == "rclpy"
            and id(node) not in elsewhere
        ):
            names = MODULES.get(node.module or "")
            for alias in node.names:
                if names is None or alias.name not in names:
                    yield f"line {node.lineno}: {node.module} has no {alias.name}"
                else:
                    imported[alias.name] = names[alias.name]
    for node in ast.walk(tree):
        if isinstance(node, ast.With) and any(_is_init(item.context_expr) for item in node.items):
            yield f"line {node.lineno}: rclpy.init cannot stand after with"
        if isinstance(node, ast.Attribute) and node.attr in HERE and node.attr not in METHODS.keys() | ATTRIBUTES:
            yield f"line {node.lineno}: there is no {node.attr}"
        if isinstance(node, ast.Call):
            yield from _wrong_arguments(node, imported)


def _wrong_arguments(call: ast.Call, imported: dict[str, tuple[str, ...] | None]) -> Iterator[str]:
    function = call.func
    known: tuple[str, ...] | None = None
    if isinstance(function, ast.Name):
        name, known = function.id, imported.get(function.id)
    elif isinstance(function, ast.Attribute):
        name = function.attr
        of_rclpy = isinstance(function.value, ast.Name) and function.value.id == "rclpy"
        if of_rclpy and name not in MODULES["rclpy"]:
            yield f"line {call.lineno}: rclpy has no {name}"
        known = MODULES["rclpy"].get(name) if of_rclpy else METHODS.get(name)
        if not of_rclpy and name not in HERE:
            known = None
    else:
        return
    if known is None:
        return
    if len(call.args) > len(known):
        yield f"line {call.lineno}: {name} takes {len(known)} arguments"
    for keyword in call.keywords:
        if keyword.arg is not None and keyword.arg not in known:
            yield f"line {call.lineno}: {name} has no parameter {keyword.arg}"


def _falls_back(attempt: ast.Try) -> bool:
    return any(isinstance(each.type, ast.Name) and each.type.id == "ImportError" for each in attempt.handlers)


def _is_init(value: ast.expr) -> bool:
    return isinstance(value, ast.Call) and ast.unparse(value.func) == "rclpy.init"
