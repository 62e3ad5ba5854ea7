"""Where the camera is by the transforms of a bag, whatever else is published on /tf."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from metric_pose_ros.bags.transforms import RecordedFrames
from metric_pose_ros.complaints import Complaints
from test.bags import recorded


class Silent:
    def error(self, text: str) -> None: ...

    warning = error


def frames_of(path: Path, messages: list[tuple[str, float, Any]]) -> RecordedFrames:
    return RecordedFrames(recorded.write(path, messages), Complaints(Silent()))


@pytest.mark.parametrize("stamp_of", [lambda now_s: 0.0, lambda now_s: now_s - 1.2], ids=["zero", "late"])
def test_wrong_stamps_of_one_frame_leave_the_others_alone(tmp_path: Path, stamp_of: Callable[[float], float]) -> None:
    messages = []
    for step in range(20):
        now_s = recorded.FIRST_S + step / 10
        messages.append(("/tf", now_s, recorded.moved(now_s, step / 10)))
        messages.append(("/tf", now_s, recorded.moved(stamp_of(now_s), 0.0, "map", "elsewhere")))
    frames = frames_of(tmp_path / "in", messages)
    for step in range(20):
        stamp_s = recorded.FIRST_S + step / 10
        frames.advance(round(stamp_s * 1e9))
        pose = frames.now("odom", "camera", stamp_s)
        assert pose is not None, step
        assert pose[0, 3] == pytest.approx(step / 10)
    frames.close()


def test_where_stamps_of_a_frame_jump_back_what_was_known_of_it_is_forgotten(tmp_path: Path) -> None:
    stamps = [100.0, 100.5, 50.0, 50.5]  # a bag that was played in a loop while it was recorded
    messages = [("/tf", 100.0 + number, recorded.moved(stamp, stamp)) for number, stamp in enumerate(stamps)]
    frames = frames_of(tmp_path / "in", messages)
    frames.advance(100_000_000_000)
    assert frames.now("odom", "camera", 100.25) is not None
    frames.advance(103_000_000_000)
    assert frames.now("odom", "camera", 100.25) is None
    pose = frames.now("odom", "camera", 50.25)
    assert pose is not None
    assert pose[0, 3] == pytest.approx(50.25)
    frames.close()


def test_transforms_a_little_out_of_order_find_their_place(tmp_path: Path) -> None:
    messages = [("/tf", 100.0, recorded.moved(stamp, stamp)) for stamp in (100.0, 100.8, 100.4)]
    frames = frames_of(tmp_path / "in", messages)
    frames.advance(100_000_000_000)
    pose = frames.now("odom", "camera", 100.2)
    assert pose is not None
    assert pose[0, 3] == pytest.approx(100.2)
    frames.close()
