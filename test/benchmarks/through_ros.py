"""How fast images become markers through the node: a camera at 30 Hz, the node in a process of its own, one person."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import psutil

from metric_pose_ros.geometry.camera import Camera
from metric_pose_ros.messages import images
from test.benchmarks.footage import ROBOT_CAMERA
from test.benchmarks.speed import CAMERA_HZ, MODELS, one_person_video, spread
from test.fake_models import save_detector, save_pose_model

_WARM_UP = 60
_JPEG_QUALITY = 95
"""What compressed_image_transport sends by default."""
FREE = "networks that cost nothing"


@dataclass(frozen=True)
class Case:
    """What is measured.

    Attributes:
        parameters: of the node.
        camera: whose images are sent.
        compressed: whether they come as JPEG.
    """

    parameters: dict[str, Any]
    camera: Camera = ROBOT_CAMERA
    compressed: bool = False


def cases(folder: Path) -> dict[str, Case]:
    """The shipped models with the detector in turn and beside, a 1080p camera, and the node without networks' cost.

    Args:
        folder: for models that know the answer.
    """
    found = {
        f"{model}, detector {'beside' if beside else 'in turn'}": Case({"model": model, "background_detection": beside})
        for model in MODELS
        for beside in (False, True)
    }
    found["fast, 1920x1080 as JPEG"] = Case(
        {"model": "fast", "image_transport": "compressed"}, ROBOT_CAMERA.resized(1920, 1080), compressed=True
    )
    people = np.zeros((1, 6, 56), np.float32)
    people[0, 0, 51:56] = [0.05, 0.35, 0.95, 0.65, 0.9]
    detector = save_detector(folder / "detector.onnx", "movenet_multipose", {"people": people})
    model = save_pose_model(folder / "pose.onnx")
    found[FREE] = Case({"model": model, "detector": detector, "background_detection": False})
    return found


def measure(frames: int = 300) -> dict[str, Any]:
    """Every case: frames answered, latency from the image's stamp, and the node's CPU time.

    Raises:
        ImportError: without ROS 2.
        RuntimeError: if the node does not start or answer.
    """
    folder = Path(tempfile.mkdtemp())
    return {name: through_ros(case, frames, folder) for name, case in cases(folder).items()}


def through_ros(case: Case, frames: int, folder: Path) -> dict[str, Any]:
    """Sends images and notes when markers come."""
    from metric_pose_ros.demo import processes

    processes.isolate()
    from test.ros.graph import Bench

    with Bench() as bench:
        messages = [_message(bench, case, image) for image in one_person_video(100)]
        markers = _Arrivals(bench)
        # In turns with the camera, the way a robot has it: the drawing is on, and somebody looks at everything else.
        with _node(bench, case, folder) as node:
            camera = _Camera(bench, case)
            bench.listen("diagnostics")
            for name in ("keypoints", "tf", "poses"):
                bench.listen(name)
            process, sent = psutil.Process(node.pid), {}
            due = time.monotonic()
            for number in range(frames + _WARM_UP):
                if number == _WARM_UP:
                    before, started = _cpu_s(process), time.monotonic()
                message = messages[number % len(messages)]
                message.header = bench.header()
                if number >= _WARM_UP:
                    sent[_stamp(message.header)] = time.time_ns()
                camera.send(message)
                due = max(due + 1 / CAMERA_HZ, time.monotonic())
                time.sleep(max(due - time.monotonic(), 0))
            used, lasted = _cpu_s(process) - before, time.monotonic() - started
            time.sleep(1.5)
            status = bench.status()
            return _result(sent, markers.when, status, used / lasted, node)


def _result(
    sent: dict[tuple[int, int], int], heard: dict[tuple[int, int], int], status: dict[str, str], cores: float, node: Any
) -> dict[str, Any]:
    answers = sorted((when, when - sent[stamp]) for stamp, when in heard.items() if stamp in sent)
    if len(answers) < 3:
        raise RuntimeError(f"{len(answers)} of {len(sent)} images were answered; the node's log:\n{node.tail()}")
    moments, latency = (np.array(column) * 1e-9 for column in zip(*answers, strict=True))
    period = np.diff(moments)
    network_ms = sum(_ms(status, name) for name in ("network", "detection"))
    published = {key: _ms(status, f"pipeline latency {key}") for key in ("median", "p95")}
    return {
        "camera_hz": CAMERA_HZ,
        "images": len(sent),
        "answered": len(answers),
        "answers_per_second": round(1 / float(period.mean()), 1),
        "latency_ms": spread(latency.tolist()),
        "published_ms": published,
        "networks_ms": round(network_ms, 2),
        "beside_networks_ms": round(published["median"] - network_ms, 2),
        "p95_over_median": round(published["p95"] / published["median"], 2),
        "processing_period_ms": spread(period.tolist()),
        "cpu_percent_of_a_core": round(100 * cores, 1),
        "node": {key: value for key, value in status.items() if "ms" in value or "images" in key or key == "fps"},
    }


@contextmanager
def _node(bench: Any, case: Case, folder: Path) -> Iterator[Any]:
    from metric_pose_ros.demo import processes

    topic = f"{processes.IMAGE}/compressed" if case.compressed else processes.IMAGE
    with processes.RosProcess("metric_pose_ros.ros.node", folder / "node.log", **case.parameters) as node:
        deadline = time.monotonic() + 90
        while bench.node.count_subscribers(topic) < 1:
            if node.ended or time.monotonic() > deadline:
                raise RuntimeError(f"the node does not start; the end of its log:\n{node.tail()}")
            time.sleep(0.05)
        yield node


def _message(bench: Any, case: Case, image: np.ndarray) -> Any:
    size = case.camera.width, case.camera.height
    if (image.shape[1], image.shape[0]) != size:
        image = cv2.resize(image, size, interpolation=cv2.INTER_LINEAR)
    if not case.compressed:
        return images.from_bgr(bench.types, bench.header(), image)
    data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])[1].ravel()
    return bench.types.make(
        "sensor_msgs/msg/CompressedImage",
        header=bench.header(),
        format="bgr8; jpeg compressed bgr8",
        data=bench.types.pack(data),
    )


def _stamp(header: Any) -> tuple[int, int]:
    return header.stamp.sec, header.stamp.nanosec


def _ms(status: dict[str, str], name: str) -> float:
    return float(status.get(name, "nan ms").removesuffix(" ms"))


def _cpu_s(process: psutil.Process) -> float:
    """Of all threads, in user and kernel."""
    times = process.cpu_times()
    return times.user + times.system


class _Arrivals:
    """When markers came, by their image's stamp."""

    def __init__(self, bench: Any) -> None:
        from rclpy.qos import QoSProfile
        from visualization_msgs.msg import MarkerArray

        self.when: dict[tuple[int, int], int] = {}
        bench.node.create_subscription(MarkerArray, "/metric_pose/markers", self._note, QoSProfile(depth=100))

    def _note(self, message: Any) -> None:
        if message.markers:
            self.when[_stamp(message.markers[0].header)] = time.time_ns()


class _Camera:
    """Publishes as a camera driver does: best effort, CameraInfo with every image."""

    def __init__(self, bench: Any, case: Case) -> None:
        from rclpy.qos import qos_profile_sensor_data
        from sensor_msgs.msg import CameraInfo, CompressedImage, Image

        from metric_pose_ros.demo.processes import CAMERA_INFO, IMAGE
        from metric_pose_ros.messages import camera_info

        kind, topic = (CompressedImage, f"{IMAGE}/compressed") if case.compressed else (Image, IMAGE)
        self._info = camera_info.from_camera(bench.types, bench.header(), case.camera)
        self._images_to = bench.node.create_publisher(kind, topic, qos_profile_sensor_data)
        self._info_to = bench.node.create_publisher(CameraInfo, CAMERA_INFO, qos_profile_sensor_data)

    def send(self, message: Any) -> None:
        self._info.header = message.header
        self._info_to.publish(self._info)
        self._images_to.publish(message)
