"""How fast frames become people on this machine: 1280x720, one person, with and without ROS around it."""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from metric_pose_ros import PoseEstimator
from metric_pose_ros.messages import images
from metric_pose_ros.stream import StreamEstimator
from test.benchmarks.footage import ROBOT_CAMERA, alone, footage

MODELS = ("heavy", "fast")
_STAGES = ("detection", "crop", "network", "placement", "tracking")
_WARM_UP = 10
_STEPS = 22
_CAMERA_HZ = 30.0


def one_person_video(frames: int) -> list[npt.NDArray[np.uint8]]:
    """The man 3 m away in (720, 1280, 3) images, forth and back through his first steps, when nobody is near him."""
    view = footage("cam02")
    order = [*range(_STEPS), *range(_STEPS - 2, 0, -1)]
    few = {index: alone(view, index, 3.0)[0] for index in sorted({order[n % len(order)] for n in range(frames)})}
    return [few[order[n % len(order)]] for n in range(frames)]


def in_process(frames: int = 200) -> dict[str, Any]:
    """Times per stage; the models take turns frame by frame, so that a busy machine slows all of them alike."""
    cv2.setNumThreads(2)
    video = one_person_video(frames + _WARM_UP)
    streams = {model: StreamEstimator(PoseEstimator(model)) for model in MODELS}
    times: dict[str, dict[str, list[float]]] = {model: {} for model in MODELS}
    found = dict.fromkeys(MODELS, 0)
    for number, image in enumerate(video):
        for model, stream in streams.items():
            start = time.perf_counter()
            people = stream(image, ROBOT_CAMERA, number / _CAMERA_HZ)
            whole = time.perf_counter() - start
            if number < _WARM_UP:
                continue
            found[model] += len(people) == 1
            stages = {stage: stream.timings[stage] for stage in _STAGES}
            stages |= {"whole": whole, "outside networks": whole - stages["detection"] - stages["network"]}
            for stage, seconds in stages.items():
                times[model].setdefault(stage, []).append(seconds)
    return {
        model: {
            "frames": frames,
            "frames_with_one_person": found[model],
            "frames_per_second": round(1 / float(np.mean(times[model]["whole"])), 1),
            "ms": {stage: spread(seconds) for stage, seconds in times[model].items()},
        }
        for model in MODELS
    }


def through_ros(model: str, background_detection: bool, frames: int = 300) -> dict[str, Any]:
    """A 30 Hz camera in front of the node in a process of its own; latency is from the image's stamp to its keypoints.

    Raises:
        ImportError: without ROS 2.
    """
    from metric_pose_ros.demo import processes

    processes.isolate()
    from test.ros.graph import Bench

    shots = one_person_video(100)
    folder = Path(tempfile.mkdtemp())
    with Bench() as bench:
        arrived: dict[tuple[int, int], int] = {}
        sent: dict[tuple[int, int], int] = {}
        _note_arrivals(bench, arrived)
        node = processes.RosProcess(
            "metric_pose_ros.ros.node", folder / "node.log", model=model, background_detection=background_detection
        )
        with node:
            deadline = time.monotonic() + 90
            while bench.node.count_subscribers(processes.IMAGE) < 1:
                if node.ended or time.monotonic() > deadline:
                    raise RuntimeError(f"the node does not start; the end of its log:\n{node.tail()}")
                time.sleep(0.05)
            camera = _Camera(bench, processes.IMAGE, processes.CAMERA_INFO)
            messages = [images.from_bgr(bench.types, bench.header(), image) for image in shots]
            bench.listen("diagnostics")
            due = time.monotonic()
            warm_up = 60
            for number in range(frames + warm_up):
                message = messages[number % len(messages)]
                message.header = bench.header()
                if number >= warm_up:
                    sent[_stamp(message)] = time.time_ns()
                camera.send(message)
                due = max(due + 1 / _CAMERA_HZ, time.monotonic())
                time.sleep(max(due - time.monotonic(), 0))
            time.sleep(1.5)
            status = bench.status()
    answers = sorted((when, when - sent[stamp]) for stamp, when in arrived.items() if stamp in sent)
    if len(answers) < 3:
        raise RuntimeError(
            f"{len(answers)} of {frames} images were answered; the end of the node's log:\n{node.tail()}"
        )
    moments, latency = (np.array(column) * 1e-9 for column in zip(*answers, strict=True))
    period = np.diff(moments)
    return {
        "camera_hz": _CAMERA_HZ,
        "images": frames,
        "answered": len(answers),
        "answers_per_second": round(1 / float(period.mean()), 1),
        "latency_ms": spread(latency.tolist()),
        "processing_period_ms": spread(period.tolist()),
        "latency_over_period": round(float(np.median(latency) / max(np.median(period), 1e-9)), 2),
        "node": {key: value for key, value in status.items() if "ms" in value or "images" in key or key == "fps"},
    }


def spread(seconds: list[float]) -> dict[str, float]:
    """Median and 95th percentile in milliseconds."""
    median, late = np.percentile(seconds, [50, 95]) * 1e3
    return {"median": round(float(median), 2), "p95": round(float(late), 2)}


def load() -> dict[str, Any]:
    """What else this machine was doing: numbers taken on a busy one are worth little."""
    return {"cores": os.cpu_count(), "load_average_1_min": round(os.getloadavg()[0], 2)}


def _stamp(message: Any) -> tuple[int, int]:
    return message.header.stamp.sec, message.header.stamp.nanosec


def _note_arrivals(bench: Any, arrived: dict[tuple[int, int], int]) -> None:
    from rclpy.qos import QoSProfile
    from sensor_msgs.msg import PointCloud2

    def note(message: Any) -> None:
        arrived[_stamp(message)] = time.time_ns()

    bench.node.create_subscription(PointCloud2, "/metric_pose/keypoints", note, QoSProfile(depth=100))


class _Camera:
    """Publishes as a camera driver does: best effort, CameraInfo with every image."""

    def __init__(self, bench: Any, image_topic: str, info_topic: str) -> None:
        from rclpy.qos import qos_profile_sensor_data
        from sensor_msgs.msg import CameraInfo, Image

        from metric_pose_ros.messages import camera_info

        self._info = camera_info.from_camera(bench.types, bench.header(), ROBOT_CAMERA)
        self._images_to = bench.node.create_publisher(Image, image_topic, qos_profile_sensor_data)
        self._info_to = bench.node.create_publisher(CameraInfo, info_topic, qos_profile_sensor_data)

    def send(self, message: Any) -> None:
        self._info.header = message.header
        self._info_to.publish(self._info)
        self._images_to.publish(message)
