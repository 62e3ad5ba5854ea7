"""How soon people are published again after what went wrong has ended."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from metric_pose_ros.geometry.camera import Camera
from test.ros.graph import CAMERA, PATIENCE_S, Bench

NOTES = "METRIC_POSE_RECOVERY_TIMES"
"""Environment variable that names a file for the times; `./run bench faults` sets it."""
LONGEST_S = 20.0
"""What a test allows on a machine that is busy with other things; the goal is 2 s, and 5 s where an engine loads."""
_EVERY_S = 0.05


def recovered(bench: Bench, fault: str, people: int = 1, camera: Camera = CAMERA, **image: Any) -> Any:
    """Sends images of so many people until the keypoints of one of them come, and notes how long that took.

    Args:
        bench: that listens to keypoints.
        fault: that has just ended, for the notes.
        people: in the images.
        camera: that takes them.
        image: fields of the image messages that are changed.

    Returns:
        the keypoints.
    """

    def send() -> tuple[int, int]:
        bench.send_info(camera)
        picture = bench.picture(people, camera)
        for name, value in image.items():
            setattr(picture, name, value)
        return bench.send(picture)

    answer = answered(bench, fault, send)
    assert answer.width == 30 * people
    return answer


def answered(bench: Bench, fault: str, send: Callable[[], tuple[int, int]], topic: str = "keypoints") -> Any:
    """The first message of a topic about one of the images that `send` sends again and again; notes how long it took.

    Args:
        bench: that listens to the topic.
        fault: that has just ended, for the notes.
        send: sends an image; its stamp.
        topic: a name of `test.ros.graph.TOPICS`.
    """
    start = time.monotonic()
    answer, sent = None, set()
    while answer is None:
        assert time.monotonic() < start + PATIENCE_S, f"nothing was published again after: {fault}"
        sent.add(send())
        time.sleep(_EVERY_S)
        heard = reversed(bench.heard[topic])
        answer = next((each for each in heard if (each.header.stamp.sec, each.header.stamp.nanosec) in sent), None)
    seconds = time.monotonic() - start
    if NOTES in os.environ and fault != "start":
        with Path(os.environ[NOTES]).open("a") as file:
            file.write(json.dumps({"fault": fault, "seconds": round(seconds, 3)}) + "\n")
    assert seconds < LONGEST_S
    return answer
