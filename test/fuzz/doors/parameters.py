"""Parameters: single values, the command line's ``name:=value``, and a parameter file."""

from __future__ import annotations

import argparse
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np

from metric_pose_ros.commands import bag
from metric_pose_ros.messages.outgoing import PeopleMessages
from metric_pose_ros.settings import Settings, camera_names, changed
from metric_pose_ros.shots import Shot
from test.fuzz import fake_network
from test.fuzz.door import Check, Door
from test.fuzz.doors.images import CAMERA, TYPES, camera_messages, image
from test.fuzz.doors.network import NoFrames
from test.fuzz.draw import Draw, FromBytes
from test.fuzz.finite import assert_finite

NAMES = [row.name for row in fields(Settings)]
FILE = b"""\
metric_pose:
  ros__parameters:
    model: heavy
    min_confidence: 0.2
    detection_interval: 4
    smoothing_cutoff: 1.5
    threads: 1
    cameras: ""
    publish_people: true
"""
_TOKENS = (
    b"[" * 3000,
    b"{a: " * 1500,
    b"&a [*a]",
    b"!!python/object:os.system",
    b"ros__parameters:",
    b"\t",
    b"/**:\n",
    b": ",
    b"- ",
    b"!!timestamp x",
    b"? ",
)


def _value(draw: Draw, default: Any) -> Any:
    kind = draw.integer(0, 6)
    if kind == 0:
        return draw.number(default) if type(default) is float else default
    if kind == 1:
        return draw.whole(8, -(2**63), 2**63 - 1)
    if kind == 2:
        return draw.number(1.0)
    if kind == 3:
        return draw.text("front,rear", ("front", "a,a", "1,2", ",", "/", "camera.yaml", "compressed"))
    return draw.choice((None, [1], {"a": 1}, True, b"x", 10**400))


def _work(settings: Settings) -> None:
    """Lets the settings have their way with one frame."""
    messages = camera_messages(CAMERA, settings)
    frame = messages.frame(image(FromBytes(b"")), settings.frame_id)
    streams = fake_network.streams(fake_network.estimator(boxes=()))
    streams.detection_interval = settings.detection_interval
    streams.smoothing = settings.smoothing_cutoff, settings.smoothing_beta
    pixels = np.full((CAMERA.height, CAMERA.width, 3), 90, np.uint8)
    people = streams({"": Shot(pixels, CAMERA, frame.stamp_s)})[""]
    for topic, message in PeopleMessages(TYPES, NoFrames()).about(frame, people, settings, lambda topic: True):
        assert_finite(message, topic)


def open_parameters(folder: Path) -> Check:
    """All three ways to set them."""
    path = folder / "parameters.yaml"

    def check(draw: Draw) -> None:
        way = draw.integer(0, 2)
        if way == 0:
            values = {}
            for _ in range(draw.integer(1, 4)):
                name = draw.text(draw.choice(NAMES), NAMES)
                values[name] = _value(draw, getattr(Settings(), name, None))
            settings = changed(Settings(), values)
        else:
            path.write_bytes(draw.mutated(FILE, _TOKENS) if way == 2 else FILE)
            given = [f"{draw.choice(NAMES)}:={draw.text('3', ('true', '0.5', '[', '{', 'nan'))}"] if way == 1 else []
            settings = bag._settings(argparse.Namespace(p=given, params_file=path))
        camera_names(settings)
        if not settings.camera_yaml:
            _work(settings)

    return check


DOORS = {"parameters": Door(open_parameters, refusals=(ValueError, FileNotFoundError))}
