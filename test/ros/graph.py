"""The tests' end of the ROS graph: a process under test, and a camera with somebody who listens."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import rclpy
from diagnostic_msgs.msg import DiagnosticArray
from geometry_msgs.msg import PoseArray, Quaternion, TransformStamped, Vector3
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState, GetState
from rcl_interfaces.srv import GetParameters, SetParameters
from rclpy.parameter import Parameter
from rclpy.qos import QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import CameraInfo, Image, PointCloud2
from std_srvs.srv import SetBool
from tf2_msgs.msg import TFMessage
from transforms3d.quaternions import mat2quat
from visualization_msgs.msg import MarkerArray

from metric_pose_ros.geometry.camera import Camera
from metric_pose_ros.messages import camera_info, images
from metric_pose_ros.messages.types import InstalledTypes

ROOT = Path(__file__).parents[2]
PATIENCE_S = 60.0
"""How long a test waits for what should come at once, on a busy machine."""
CAMERA = Camera.from_fov(64, 48, 60)

TOPICS = {
    "markers": ("/metric_pose/markers", MarkerArray),
    "keypoints": ("/metric_pose/keypoints", PointCloud2),
    "overlay": ("/metric_pose/overlay", Image),
    "poses": ("/metric_pose/poses", PoseArray),
    "tf": ("/tf", TFMessage),
    "diagnostics": ("/diagnostics", DiagnosticArray),
}


class Running:
    """A process under test; its log can be waited for."""

    def __init__(self, *command: str, **environment: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", *command],
            cwd=ROOT,
            env={**os.environ, "RCUTILS_LOGGING_BUFFERED_STREAM": "0", **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )
        self._lines: list[str] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @classmethod
    def people_in_the_image(cls, *arguments: str, **environment: str) -> Running:
        """The node with the tests' estimator."""
        return cls("test.ros.people_in_the_image", *arguments, **environment)

    def __enter__(self) -> Running:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def log(self) -> str:
        """Everything written so far."""
        return "".join(self._lines)

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def wait_for_log(self, text: str, provoke: Callable[[], object] = lambda: None) -> str:
        """The first line that holds `text`; `provoke` is done again now and then until it comes."""

        def line() -> str | None:
            provoke()
            return next((line for line in list(self._lines) if text in line), None)

        wait_until(lambda: line() is not None, f"{text!r} in the log", lambda: self.log, every_s=0.05)
        return line() or ""

    def wait(self) -> int:
        """The exit code, once the process has ended by itself."""
        code = self._process.wait(PATIENCE_S)
        self._reader.join(PATIENCE_S)
        return code

    def signal(self, number: signal.Signals) -> None:
        """Sends the process a signal."""
        self._process.send_signal(number)

    def kill(self) -> None:
        """Ends the process without asking it."""
        self._process.kill()
        self.wait()

    def stop(self) -> int:
        """Ends the process as Ctrl+C does; its exit code."""
        if self.alive:
            self._process.send_signal(signal.SIGINT)
        try:
            return self.wait()
        except subprocess.TimeoutExpired:
            self._process.kill()
            raise

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._lines.append(line)


class Bench:
    """A camera that publishes, subscribers that keep what they hear, and service calls."""

    def __init__(self) -> None:
        self.types = InstalledTypes()
        self.heard: dict[str, list[Any]] = defaultdict(list)
        self._frame = 0
        self._subscriptions: dict[str, Any] = {}
        self._arrived = threading.Condition()

    def __enter__(self) -> Bench:
        rclpy.init()
        self.node = rclpy.create_node("bench")
        self.start_camera()
        self._transforms_to = self.node.create_publisher(TFMessage, "/tf", 100)
        self._spinner = threading.Thread(target=self._spin, daemon=True)
        self._spinner.start()
        return self

    def __exit__(self, *_: object) -> None:
        rclpy.shutdown()
        self._spinner.join()

    def start_camera(self, reliability: ReliabilityPolicy = ReliabilityPolicy.RELIABLE) -> None:
        """Makes the camera's publishers."""
        qos = QoSProfile(depth=2, reliability=reliability)
        self._images_to = self.node.create_publisher(Image, "image", qos)
        self._info_to = self.node.create_publisher(CameraInfo, "camera_info", qos)

    def stop_camera(self) -> None:
        """Takes the camera's publishers away."""
        self.node.destroy_publisher(self._images_to)
        self.node.destroy_publisher(self._info_to)

    def wait_for_node(self) -> None:
        """Until the node hears the camera."""
        self.wait_for_listener()
        wait_until(lambda: self._info_to.get_subscription_count() > 0, "a subscriber of CameraInfo")

    def wait_for_listener(self) -> None:
        """Until a node hears the images."""
        wait_until(lambda: self._images_to.get_subscription_count() > 0, "a subscriber of the images")

    def listen(self, name: str, reliability: ReliabilityPolicy = ReliabilityPolicy.RELIABLE) -> None:
        """Starts to keep a topic of `TOPICS`, and waits until the node knows."""
        topic, kind = TOPICS[name]

        def keep(message: Any) -> None:
            with self._arrived:
                self.heard[name].append(message)
                self._arrived.notify_all()

        qos = QoSProfile(depth=100, reliability=reliability)
        self._subscriptions[name] = self.node.create_subscription(kind, topic, keep, qos)
        wait_until(lambda: self.node.count_publishers(topic) > 0, f"a publisher of {topic}")

    def deafen(self, name: str) -> None:
        """Stops to keep a topic."""
        self.node.destroy_subscription(self._subscriptions.pop(name))

    def header(self, stamp_s: float | None = None, frame_id: str = "camera") -> Any:
        """A header; the time is now, if none is given."""
        now = self.node.get_clock().now().nanoseconds if stamp_s is None else round(stamp_s * 1e9)
        stamp = self.types.make("builtin_interfaces/msg/Time", sec=now // 10**9, nanosec=now % 10**9)
        return self.types.make("std_msgs/msg/Header", stamp=stamp, frame_id=frame_id)

    def picture(self, people: int, camera: Camera = CAMERA) -> Image:
        """An image message with so many people in it."""
        pixels = np.zeros((camera.height, camera.width, 3), np.uint8)
        pixels[0, 0, 0] = people
        return images.from_bgr(self.types, self.header(), pixels)

    def send_info(self, camera: Camera = CAMERA, **changes: Any) -> None:
        """Publishes the CameraInfo of a camera, with fields changed."""
        message = camera_info.from_camera(self.types, self.header(), camera)
        for name, value in changes.items():
            setattr(message, name, value)
        self._info_to.publish(message)

    def send(self, image: Image) -> tuple[int, int]:
        """Publishes an image; its stamp."""
        self._images_to.publish(image)
        return image.header.stamp.sec, image.header.stamp.nanosec

    def see(self, people: int, *topics: str, camera: Camera = CAMERA) -> list[Any]:
        """Sends images of so many people until every topic has an answer to one of them; the answers.

        One image might be lost, since nothing is reliable about a camera.
        """
        sent: set[tuple[int, int]] = set()

        def answers() -> list[Any]:
            return [next((m for m in self.heard[topic] if _stamp(m) in sent), None) for topic in topics]

        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            self.send_info(camera)
            sent.add(self.send(self.picture(people, camera)))
            with self._arrived:
                if self._arrived.wait_for(lambda: all(m is not None for m in answers()), timeout=0.5):
                    return answers()
        raise AssertionError(f"no answer on {', '.join(topics)} within {PATIENCE_S:.0f} s")

    def wait_for(self, name: str, wanted: Callable[[Any], bool]) -> Any:
        """The first message kept of a topic that is as wanted."""

        def found() -> Any:
            return next((message for message in self.heard[name] if wanted(message)), None)

        with self._arrived:
            assert self._arrived.wait_for(lambda: found() is not None, PATIENCE_S), f"nothing as wanted on {name}"
        return found()

    def status(self) -> dict[str, str]:
        """The values of the next message on /diagnostics, with the level's number and the message."""
        count = len(self.heard["diagnostics"])
        wait_until(lambda: len(self.heard["diagnostics"]) > count, "diagnostics")
        status = self.heard["diagnostics"][-1].status[0]
        level = str(int.from_bytes(status.level, "little"))
        return {"level": level, "message": status.message, **{value.key: value.value for value in status.values}}

    def change_state(self, transition: int) -> bool:
        """Asks the node for a lifecycle transition, such as `Transition.TRANSITION_ACTIVATE`."""
        request = ChangeState.Request(transition=Transition(id=transition))
        return self.call(ChangeState, "/metric_pose/change_state", request).success

    def state(self) -> str:
        """The node's lifecycle state."""
        return self.call(GetState, "/metric_pose/get_state", GetState.Request()).current_state.label

    def set_parameter(self, name: str, value: Any) -> tuple[bool, str]:
        """Whether the node took the value, and if not, why."""
        request = SetParameters.Request(parameters=[Parameter(name, value=value).to_parameter_msg()])
        result = self.call(SetParameters, "/metric_pose/set_parameters", request).results[0]
        return result.successful, result.reason

    def enable(self, wanted: bool) -> tuple[bool, str]:
        """Asks the node to work or to rest; whether it does, and its answer."""
        answer = self.call(SetBool, "/metric_pose/enable", SetBool.Request(data=wanted))
        return answer.success, answer.message

    def send_transform(self, parent: str, child: str, pose: np.ndarray, stamp_s: float | None = None) -> None:
        """Publishes on /tf where a frame is; the time is now, if none is given."""
        w, x, y, z = mat2quat(pose[:3, :3]).tolist()
        transform = TransformStamped(header=self.header(stamp_s, parent), child_frame_id=child)
        transform.transform.translation = Vector3(**dict(zip("xyz", pose[:3, 3].tolist(), strict=True)))
        transform.transform.rotation = Quaternion(x=x, y=y, z=z, w=w)
        self._transforms_to.publish(TFMessage(transforms=[transform]))

    def get_parameter(self, name: str) -> Any:
        """The node's value, as a message."""
        return self.call(GetParameters, "/metric_pose/get_parameters", GetParameters.Request(names=[name])).values[0]

    def call(self, kind: Any, name: str, request: Any) -> Any:
        """The answer of a service."""
        client = self.node.create_client(kind, name)
        try:
            assert client.wait_for_service(PATIENCE_S), f"no service {name}"
            future = client.call_async(request)
            wait_until(future.done, f"an answer of {name}")
            return future.result()
        finally:
            self.node.destroy_client(client)

    def _spin(self) -> None:
        while rclpy.ok():
            try:
                rclpy.spin_once(self.node, timeout_sec=0.1)
            except Exception:
                if rclpy.ok():
                    raise


def wait_until(
    done: Callable[[], bool], what: str, details: Callable[[], str] = lambda: "", every_s: float = 0.01
) -> None:
    """Looks again and again; fails with what was waited for."""
    deadline = time.monotonic() + PATIENCE_S
    while not done():
        assert time.monotonic() < deadline, f"waited {PATIENCE_S:.0f} s for {what}\n{details()}"
        time.sleep(every_s)


def _stamp(message: Any) -> tuple[int, int] | None:
    """Stamp of a message, or of the first of its parts; None where there is none."""
    for parts in ("markers", "transforms"):
        if hasattr(message, parts):
            listed = getattr(message, parts)
            return (listed[0].header.stamp.sec, listed[0].header.stamp.nanosec) if listed else None
    return message.header.stamp.sec, message.header.stamp.nanosec
