"""What comes in: image messages with the camera that took them, and perhaps detections of others."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from metric_pose_ros.complaints import Complaints
from metric_pose_ros.detection import OutsideDetections
from metric_pose_ros.geometry.camera import Camera, UncalibratedError
from metric_pose_ros.messages import camera_info, compressed_images, images
from metric_pose_ros.messages.detections import to_detections
from metric_pose_ros.messages.order import Order
from metric_pose_ros.messages.stamps import seconds
from metric_pose_ros.messages.types import MessageTypes
from metric_pose_ros.settings import Settings

_MOST_CAMERAS = 100
"""Frames of one topic whose cameras are remembered; who names ever new ones does not fill the memory."""


class NotReadyError(Exception):
    """An image that cannot be used yet, through no fault of its own."""


@dataclass(frozen=True, eq=False)
class Frame:
    """An image ready for the estimator.

    Attributes:
        header: stamp and frame for everything that is said about this image.
        stamp_s: seconds.
        image_bgr: (height, width, 3) uint8.
        camera: that took it.
    """

    header: Any
    stamp_s: float
    image_bgr: npt.NDArray[np.uint8]
    camera: Camera


class CameraMessages:
    """Makes image messages ready with what CameraInfo messages say.

    Args:
        types: source of message classes.
        settings: of the node, as it is configured.
        image_topic: where images come from, for texts.
        info_topic: where CameraInfo comes from, for texts.
        complaints: about what is wrong with messages.
        now: makes the stamp of images that have none.

    Attributes:
        order: of the images.

    Raises:
        FileNotFoundError: if the settings name a camera file that is not there.
        ValueError: if it is wrong.
    """

    def __init__(
        self,
        types: MessageTypes,
        settings: Settings,
        image_topic: str,
        info_topic: str,
        complaints: Complaints,
        now: Callable[[], Any],
    ) -> None:
        self.fixed = Camera.from_yaml(settings.camera_yaml) if settings.camera_yaml else None
        self._types = types
        self._image_topic, self._info_topic = image_topic, info_topic
        self._complaints = complaints
        self._now = now
        self.order = Order(image_topic, complaints)
        self._rectified, self._resized = settings.image_is_rectified, settings.image_is_resized
        self._fov = settings.default_fov
        self._derived: tuple[Camera | None, Camera] | None = None
        self._cameras: dict[str, tuple[bytes, Camera | ValueError]] = {}

    @property
    def known(self) -> bool:
        """Whether a camera file was given, or any CameraInfo came."""
        return self.fixed is not None or bool(self._cameras)

    def frame(self, message: Any, frame_id: str) -> Frame:
        """Makes an image message ready.

        Args:
            message: sensor_msgs/Image or sensor_msgs/CompressedImage.
            frame_id: the camera's frame; empty takes the message's own.

        Raises:
            NotReadyError: if nothing is known of its camera yet.
            ValueError: if the message or its CameraInfo is wrong; the text says what and on which topic.
        """
        frame_id = frame_id or message.header.frame_id
        if not frame_id:
            raise ValueError(
                f"the images on {self._image_topic} have an empty frame_id: set it in the camera driver, "
                "or set the parameter frame_id"
            )
        convert = images.to_bgr if hasattr(message, "encoding") else compressed_images.to_bgr
        try:
            image = convert(message)
        except ValueError as error:
            raise ValueError(f"image on {self._image_topic}: {error}") from error
        camera = self._camera_of(message.header.frame_id, image.shape[1], image.shape[0])
        if image.shape[:2] != (camera.height, camera.width):
            source = "the camera file" if self.fixed else f"CameraInfo on {self._info_topic}"
            raise ValueError(
                f"images on {self._image_topic} are {image.shape[1]}x{image.shape[0]} pixels, but {source} is for "
                f"{camera.width}x{camera.height}: calibrate the camera at the size it runs at, or set image_is_resized "
                "if these images are scaled, not cropped"
            )
        stamp = message.header.stamp
        if stamp.sec == 0 and stamp.nanosec == 0:
            stamp = self._now()
            self._complaints.warning(f"images on {self._image_topic} have no stamp: the time of arrival is taken")
        header = self._types.make("std_msgs/msg/Header", stamp=stamp, frame_id=frame_id)
        return Frame(header, seconds(stamp), image, camera)

    def keep_camera_info(self, message: Any) -> None:
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
            camera = convert(message, self._info_topic)
        except ValueError as error:
            kind = UncalibratedError if isinstance(error, UncalibratedError) else ValueError
            camera = kind(f"{error}. The parameter camera_yaml takes a calibration file instead")
        if known is None and len(self._cameras) >= _MOST_CAMERAS:
            del self._cameras[next(iter(self._cameras))]
        self._cameras[message.header.frame_id] = (fingerprint, camera)

    def _camera_of(self, frame_id: str, width: int, height: int) -> Camera:
        """The camera of an image of this size, or as near to it as the parameters allow."""
        known: Camera | None
        try:
            known = self.fixed or self._camera(frame_id)
        except (NotReadyError, UncalibratedError) as reason:
            if not self._fov:
                raise
            self._complaints.warning(
                f"{reason}. A field of view of {self._fov:g} degrees is assumed (default_fov): distances are as good "
                "as that"
            )
            known = None
        if known is not None and (not self._resized or (known.width, known.height) == (width, height)):
            return known
        derived = self._derived
        if derived is None or derived[0] is not known or (derived[1].width, derived[1].height) != (width, height):
            made = known.resized(width, height) if known else Camera.from_fov(width, height, self._fov)
            derived = self._derived = known, made
        return derived[1]

    def _camera(self, frame_id: str) -> Camera:
        # A copy, since another thread may be storing.
        cameras = dict(self._cameras)
        if not cameras:
            raise NotReadyError(
                f"no CameraInfo yet on {self._info_topic}: start the camera's driver or remap camera_info; "
                "without calibration, set camera_yaml or default_fov"
            )
        if frame_id not in cameras:
            known = next(reversed(cameras))
            if len(cameras) > 1:
                raise NotReadyError(
                    f"no CameraInfo yet on {self._info_topic} for frame {frame_id!r}, only for {list(cameras)}"
                )
            self._complaints.warning(
                f"images have frame {frame_id!r}, but CameraInfo on {self._info_topic} has {known!r}: "
                "it is used all the same; set the same frame_id in both"
            )
            frame_id = known
        camera = cameras[frame_id][1]
        if isinstance(camera, ValueError):
            raise type(camera)(str(camera))
        return camera


class DetectionMessages:
    """Hands on what others detect, with the stamp of its image.

    Args:
        settings: of the node, as it is configured.
        topic: where the messages come from, for texts.
        outside: takes what comes.
        complaints: about what is wrong with messages.
    """

    def __init__(self, settings: Settings, topic: str, outside: OutsideDetections, complaints: Complaints) -> None:
        self._accepted = (settings.detections_class,) if settings.detections_class else ()
        self._topic, self._outside, self._complaints = topic, outside, complaints

    def keep(self, message: Any) -> None:
        """Takes a vision_msgs/Detection2DArray; a wrong one is left out with a complaint."""
        try:
            detections = to_detections(message, self._accepted)
        except ValueError as error:
            self._complaints.error(f"detections on {self._topic}: {error}")
            return
        self._outside.put(seconds(message.header.stamp), detections)
