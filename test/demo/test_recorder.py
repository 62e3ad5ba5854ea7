"""The demo's recorder and the player: no frame that gets lost keeps them waiting for each other."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
import rclpy
from rclpy.qos import QoSProfile
from std_msgs.msg import Empty

from metric_pose_ros.demo import recorder
from metric_pose_ros.skeleton import BODY_30


@pytest.mark.parametrize("started", [True, False])
def test_the_next_frame_is_asked_for_although_the_first_is_never_answered(
    started: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorder, "_STARTING_S", 0.2)
    monkeypatch.setattr(recorder, "_UNANSWERED_S", 0.2)
    asked: list[Empty] = []
    with recorder.Recorder(tmp_path, 15.0, BODY_30, lambda: None, step=True) as listening:
        player = rclpy.create_node("video_player")
        player.create_subscription(Empty, "~/next", asked.append, QoSProfile(depth=10))
        while not player.count_publishers("/video_player/next"):
            listening.listen(0.05)
        if started:
            listening.expect_images()
        until = time.monotonic() + (10 if started else 1)
        while time.monotonic() < until and not asked:
            listening.listen(0.05)
            rclpy.spin_once(player, timeout_sec=0.05)
        player.destroy_node()
    assert bool(asked) == started
