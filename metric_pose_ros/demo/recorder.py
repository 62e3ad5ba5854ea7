"""Somebody on the ROS graph who listens to camera and node, and keeps everything."""

from __future__ import annotations

import math
import queue
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import rclpy
from rclpy.node import Node
from rclpy.qos import QoSProfile
from rclpy.serialization import serialize_message
from rclpy.signals import SignalHandlerOptions
from sensor_msgs.msg import CameraInfo, CompressedImage, Image, PointCloud2
from std_msgs.msg import Empty
from tf2_msgs.msg import TFMessage
from visualization_msgs.msg import MarkerArray

from metric_pose_ros.demo.processes import CAMERA_INFO, IMAGE
from metric_pose_ros.demo.recording import Bag, Video
from metric_pose_ros.demo.summary import Run
from metric_pose_ros.messages import camera_info, images, keypoints
from metric_pose_ros.messages.compressed_images import to_jpeg
from metric_pose_ros.messages.stamps import seconds
from metric_pose_ros.scene import Scene
from metric_pose_ros.skeleton import Skeleton

# Reliable and deep: a recorder wants everything, and it may fall behind for a moment.
_QOS = QoSProfile(depth=100)
_IMAGE_QOS = QoSProfile(depth=10)
_UNANSWERED_S = 3.0
"""A frame that is not answered for so long is given up."""
_STARTING_S = 15.0
"""What the player may take to start, and the node for its first frame, beside that."""


class Recorder:
    """Subscribes to the camera and the node, and writes ``demo.mcap``, ``overlay.mp4`` and ``skeletons.rrd``.

    Args:
        out: folder for the files.
        rate: frames per second of the video.
        skeleton: of the keypoints.
        progress: called after each image that the node answered.
        step: ask the player for the next frame after each answer.

    Attributes:
        run: what was received.
        markers: the MarkerArrays by image stamp, in seconds.
    """

    def __init__(self, out: Path, rate: float, skeleton: Skeleton, progress: Callable[[], object], step: bool) -> None:
        self.run = Run()
        self.markers: dict[float, Any] = {}
        self._skeleton, self._progress, self._step = skeleton, progress, step
        self._asked_s = math.inf
        self._bag, self._video, self._scene = (
            Bag(out / "demo.mcap"),
            Video(out / "overlay.mp4", rate),
            Scene.saved(out / "skeletons.rrd"),
        )
        self._came: dict[float, int] = {}
        self._first_ns = 0
        self._camera_known = False
        self._failure: Exception | None = None
        self._arrivals: queue.SimpleQueue[tuple[str, Any, int] | None] = queue.SimpleQueue()

    def __enter__(self) -> Recorder:
        # Ctrl+C must reach the demo, which ends everything in order; rclpy's handler would pull the graph away first.
        rclpy.init(signal_handler_options=SignalHandlerOptions.NO)
        self.node = Node("recorder")
        kinds = {
            IMAGE: (Image, self._on_image, _IMAGE_QOS),
            CAMERA_INFO: (CameraInfo, self._on_camera_info, _QOS),
            "/tf": (TFMessage, None, _QOS),
            "/metric_pose/markers": (MarkerArray, self._on_markers, _QOS),
            "/metric_pose/keypoints": (PointCloud2, self._on_keypoints, _QOS),
            "/metric_pose/overlay": (Image, self._on_overlay, _IMAGE_QOS),
        }
        self._handlers = {topic: handler for topic, (_, handler, _) in kinds.items()}
        for topic, (kind, _, qos) in kinds.items():
            self.node.create_subscription(kind, topic, self._keep(topic), qos)
        self._next = self.node.create_publisher(Empty, "/video_player/next", _QOS)
        # The callbacks only store; encoding takes its time elsewhere.
        self._writer = threading.Thread(target=self._write, name="writer", daemon=True)
        self._writer.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._arrivals.put(None)
        self._writer.join()
        for file in (self._bag, self._video, self._scene):
            file.close()
        self.node.destroy_node()
        rclpy.try_shutdown()
        if error is None and self._failure is not None:
            raise self._failure

    def listen(self, seconds: float) -> None:
        """Takes what comes for so long.

        Raises:
            Exception: whatever writing the files raised.
        """
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            rclpy.spin_once(self.node, timeout_sec=left)
            if self._step and time.monotonic() - self._asked_s > _UNANSWERED_S:
                self._ask_for_next()
        if self._failure is not None:
            raise self._failure

    @property
    def idle(self) -> bool:
        """Whether everything that came is written."""
        return self._arrivals.empty()

    def node_listens(self) -> bool:
        """Whether the node under the demo is subscribed to the camera, beside this recorder."""
        return self.node.count_subscribers(IMAGE) >= 2 and self.node.count_subscribers(CAMERA_INFO) >= 2

    def expect_images(self) -> None:
        """The player has started; its first frame comes unasked, and may get lost as any other."""
        self._asked_s = time.monotonic() + _STARTING_S

    def _keep(self, topic: str) -> Callable[[Any], None]:
        def keep(message: Any) -> None:
            self._arrivals.put((topic, message, time.time_ns()))
            if self._step and isinstance(message, PointCloud2):
                self._ask_for_next()

        return keep

    def _ask_for_next(self) -> None:
        self._asked_s = time.monotonic()
        self._next.publish(Empty())

    def _write(self) -> None:
        while (arrival := self._arrivals.get()) is not None:
            topic, message, came_ns = arrival
            if self._failure is not None:
                continue
            try:
                handler = self._handlers[topic]
                if handler is not None:
                    handler(message, came_ns)
                if not isinstance(message, Image):
                    self._put(topic, message, came_ns)
            except Exception as error:  # a full disk, say: told by the thread that can end the demo
                self._failure = error

    def _put(self, topic: str, message: Any, came_ns: int) -> None:
        package = type(message).__module__.split(".")[0]
        self._bag.write(topic, f"{package}/msg/{type(message).__name__}", came_ns, serialize_message(message))

    def _on_image(self, message: Image, came_ns: int) -> None:
        jpeg = to_jpeg(images.to_bgr(message))
        self.run.stamps.append(seconds(message.header.stamp))
        self._came[seconds(message.header.stamp)] = came_ns
        self._scene.image(self._since_start(message.header), jpeg)
        compressed = CompressedImage(header=message.header, format="bgr8; jpeg compressed bgr8")
        compressed.data.frombytes(jpeg)
        self._put(f"{IMAGE}/compressed", compressed, came_ns)

    def _on_camera_info(self, message: CameraInfo, came_ns: int) -> None:
        if not self._camera_known:
            self._scene.camera(camera_info.to_camera(message, CAMERA_INFO))
            self._camera_known = True

    def _on_markers(self, message: MarkerArray, came_ns: int) -> None:
        if message.markers:
            header = message.markers[0].header
            self.markers[seconds(header.stamp)] = message
            self._scene.markers(self._since_start(header), message)

    def _on_keypoints(self, message: PointCloud2, came_ns: int) -> None:
        points = keypoints.to_points(message)
        stamp = seconds(message.header.stamp)
        people = {}
        for number in np.unique(points["person"]):
            own = points[points["person"] == number]
            joints = np.full((len(self._skeleton), 3), np.nan)
            joints[own["joint"]] = np.stack([own["x"], own["y"], own["z"]], axis=1)
            people[int(number)] = joints
        self.run.people[stamp] = people
        self._first_ns = self._first_ns or came_ns
        self.run.seconds = (came_ns - self._first_ns) * 1e-9
        if stamp in self._came:
            self.run.latency[stamp] = (came_ns - self._came.pop(stamp)) * 1e-9
        self._progress()

    def _on_overlay(self, message: Image, came_ns: int) -> None:
        self._video.write(images.to_bgr(message))

    def _since_start(self, header: Any) -> float:
        start = self.run.stamps[0] if self.run.stamps else seconds(header.stamp)
        return max(seconds(header.stamp) - start, 0.0)
