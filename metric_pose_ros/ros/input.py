"""What comes in: the newest image, and the camera that took it."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from rclpy.node import Node
from rclpy.qos import HistoryPolicy, QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import CameraInfo, Image
from std_msgs.msg import Header

from metric_pose_ros.geometry.camera import Camera
from metric_pose_ros.messages import camera_info, images
from metric_pose_ros.ros.complaints import Complaints
from metric_pose_ros.ros.latest import Latest
from metric_pose_ros.ros.parameters import Settings

# Best effort takes from reliable and best-effort publishers alike. A few images of depth let a burst in, of which the
# newest is taken.
_QOS = QoSProfile(depth=5, history=HistoryPolicy.KEEP_LAST, reliability=ReliabilityPolicy.BEST_EFFORT)


class NotReadyError(Exception):
    """An image that cannot be used yet, through no fault of its own."""


@dataclass(frozen=True)
class Arrival:
    """An image message and when it came, in seconds of `time.perf_counter`."""

    message: Image
    arrived_s: float


@dataclass(frozen=True)
class Frame:
    """An image ready for the estimator.

    Attributes:
        header: stamp and frame for everything published about this image.
        stamp_s: seconds.
        image_bgr: (height, width, 3) uint8.
        camera: that took it.
        arrived_s: seconds of `time.perf_counter`.
    """

    header: Header
    stamp_s: float
    image_bgr: npt.NDArray[np.uint8]
    camera: Camera
    arrived_s: float


class CameraInput:
    """Subscriptions to ``image`` and ``camera_info``.

    The callbacks only store; `frame` does the work, on whichever thread needs the image.

    Args:
        node: that subscribes.
        settings: of the node.
        complaints: about what is wrong with messages.

    Attributes:
        arrivals: the newest image.
    """

    def __init__(self, node: Node, settings: Settings, complaints: Complaints) -> None:
        self.arrivals: Latest[Arrival] = Latest()
        self._node = node
        self._complaints = complaints
        self._rectified = settings.image_is_rectified
        self._fixed = Camera.from_yaml(settings.camera_yaml) if settings.camera_yaml else None
        self._cameras: dict[str, tuple[bytes, Camera | ValueError]] = {}
        self._subscriptions: list[Any] = []
        self._topics = [node.resolve_topic_name("image"), node.resolve_topic_name("camera_info")]

    def open(self) -> None:
        """Starts to listen."""
        self._subscriptions = [self._node.create_subscription(Image, "image", self.keep_image, _QOS)]
        if self._fixed is None:
            self._subscriptions.append(
                self._node.create_subscription(CameraInfo, "camera_info", self.keep_camera_info, _QOS)
            )

    def close(self) -> None:
        """Stops to listen, and ends whoever waits for an arrival."""
        for subscription in self._subscriptions:
            self._node.destroy_subscription(subscription)
        self._subscriptions = []
        self.arrivals.close()

    @property
    def topics(self) -> str:
        """What is listened to, for the log."""
        return self._topics[0] if self._fixed is not None else " and ".join(self._topics)

    def frame(self, arrival: Arrival, frame_id: str) -> Frame:
        """Makes an image message ready.

        Args:
            arrival: the message.
            frame_id: the camera's frame; empty takes the message's own.

        Raises:
            NotReadyError: if nothing is known of its camera yet.
            ValueError: if the message or its CameraInfo is wrong; the text says what and on which topic.
        """
        message = arrival.message
        frame_id = frame_id or message.header.frame_id
        if not frame_id:
            raise ValueError(
                f"the images on {self._topics[0]} have an empty frame_id: set it in the camera driver, "
                "or set this node's parameter frame_id"
            )
        try:
            image = images.to_bgr(message)
        except ValueError as error:
            raise ValueError(f"image on {self._topics[0]}: {error}") from error
        camera = self._fixed or self._camera(message.header.frame_id)
        if image.shape[:2] != (camera.height, camera.width):
            source = "the camera file" if self._fixed else f"CameraInfo on {self._topics[1]}"
            raise ValueError(
                f"images on {self._topics[0]} are {image.shape[1]}x{image.shape[0]} pixels, but {source} is for "
                f"{camera.width}x{camera.height}: calibrate the camera at the size it runs at"
            )
        stamp = message.header.stamp
        if stamp.sec == 0 and stamp.nanosec == 0:
            stamp = self._node.get_clock().now().to_msg()
            self._complaints.warning(f"images on {self._topics[0]} have no stamp: the time of arrival is taken")
        header = Header(stamp=stamp, frame_id=frame_id)
        return Frame(header, stamp.sec + stamp.nanosec * 1e-9, image, camera, arrival.arrived_s)

    def _camera(self, frame_id: str) -> Camera:
        # A copy, since the other thread may be storing.
        cameras = dict(self._cameras)
        if not cameras:
            raise NotReadyError(
                f"no CameraInfo yet on {self._topics[1]}: start the camera's driver or remap camera_info; "
                "without calibration, set camera_yaml"
            )
        if frame_id not in cameras:
            known = next(reversed(cameras))
            if len(cameras) > 1:
                raise NotReadyError(
                    f"no CameraInfo yet on {self._topics[1]} for frame {frame_id!r}, only for {list(cameras)}"
                )
            self._complaints.warning(
                f"images have frame {frame_id!r}, but CameraInfo on {self._topics[1]} has {known!r}: "
                "it is used all the same; set the same frame_id in both"
            )
            frame_id = known
        camera = cameras[frame_id][1]
        if isinstance(camera, ValueError):
            raise ValueError(str(camera))
        return camera

    def keep_image(self, message: Image) -> None:
        """Stores an image until somebody takes it, in place of one that nobody took."""
        self.arrivals.put(Arrival(message, time.perf_counter()))

    def keep_camera_info(self, message: CameraInfo) -> None:
        """Stores the camera of a frame_id; what is wrong with it is said when an image needs it."""
        # CameraInfo comes with every image and hardly ever changes: a lens is worked out only when it does.
        region = message.roi
        sizes = (message.width, message.height, message.binning_x, message.binning_y)
        window = (region.x_offset, region.y_offset, region.width, region.height)
        numbers = np.concatenate([message.k, message.d, message.p, sizes, window]).astype(float)
        fingerprint = numbers.tobytes() + message.distortion_model.encode()
        known = self._cameras.get(message.header.frame_id)
        if known is not None and known[0] == fingerprint:
            return
        convert = camera_info.to_rectified_camera if self._rectified else camera_info.to_camera
        camera: Camera | ValueError
        try:
            camera = convert(message, self._topics[1])
        except ValueError as error:
            camera = ValueError(f"{error}. This node's parameter camera_yaml takes a calibration file instead")
        self._cameras[message.header.frame_id] = (fingerprint, camera)
