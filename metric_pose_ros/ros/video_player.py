"""The video_player node: a video file or a webcam as Image and CameraInfo."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import rclpy
from rclpy.duration import Duration
from rclpy.exceptions import ParameterException
from rclpy.node import Node
from rclpy.publisher import Publisher
from rclpy.qos import QoSProfile
from rclpy.time import Time
from sensor_msgs.msg import CameraInfo, Image
from std_msgs.msg import Empty, Header

from metric_pose_ros.geometry.camera import Camera
from metric_pose_ros.messages import camera_info, images
from metric_pose_ros.messages.types import InstalledTypes
from metric_pose_ros.ros import parameters, stopping
from metric_pose_ros.settings import parameter

_DEFAULT_RATE = 30.0


@dataclass(frozen=True)
class PlayerSettings:
    """Values of the player's parameters, which count when it starts."""

    video: str = parameter("", "Path of a video file, or the number of a webcam.", read_only=True, any_type=True)
    camera_yaml: str = parameter(
        "", "Calibration file of the camera that took it, at the video's size.", read_only=True
    )
    fov_degrees: float = parameter(
        60.0,
        "Without a calibration: the angle that the longer image side is taken to span.",
        1.0,
        179.0,
        read_only=True,
    )
    rate: float = parameter(0.0, "Frames per second; 0 takes the video's own rate.", 0.0, 1000.0, read_only=True)
    loop: bool = parameter(False, "Start again at the end of a file.", read_only=True)
    step: bool = parameter(
        False, "Publish the next frame when asked on ~/next, not by the clock; stamps keep the rate.", read_only=True
    )
    frame_id: str = parameter("camera_optical_frame", "The camera's optical frame.", read_only=True)
    wait_for_subscribers: int = parameter(
        0, "Do not start before so many nodes listen to image and camera_info.", 0, 100, read_only=True
    )


class VideoError(Exception):
    """A video that cannot be played; the message says why."""


@dataclass(frozen=True)
class Video:
    """An opened video file or webcam.

    Attributes:
        source: path or webcam number, as given.
        capture: OpenCV's.
        width: px.
        height: px.
        rate: frames per second.
        frames: as the file says; 0 if unknown, as for a webcam.
    """

    source: str
    capture: cv2.VideoCapture
    width: int
    height: int
    rate: float
    frames: int

    @classmethod
    def open(cls, source: str) -> Video:
        """Opens a path, or the webcam of a number.

        Raises:
            VideoError: if it cannot be opened, or shows nothing.
        """
        if not source:
            raise VideoError("no video given: set the parameter video to a file's path or a webcam's number")
        webcam = source.isdigit()
        capture = cv2.VideoCapture(int(source) if webcam else source)
        width, height = (int(capture.get(key)) for key in (cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT))
        if not capture.isOpened() or width <= 0 or height <= 0:
            advice = (
                "is it plugged in, and may you read /dev/video*?" if webcam else "is the path right, and is it a video?"
            )
            raise VideoError(f"cannot open {'webcam' if webcam else 'video file'} {source}: {advice}")
        rate = capture.get(cv2.CAP_PROP_FPS)
        frames = 0 if webcam else max(int(capture.get(cv2.CAP_PROP_FRAME_COUNT)), 0)
        return cls(source, capture, width, height, rate if 0 < rate < 1000 else _DEFAULT_RATE, frames)

    def images(self, loop: bool) -> Iterator[npt.NDArray[np.uint8]]:
        """(height, width, 3) BGR, one after the other; with `loop`, a file starts again at its end."""
        there = True
        while there:
            there, image = self.capture.read()
            while there:
                yield np.asarray(image, np.uint8)
                there, image = self.capture.read()
            if loop and self.frames:
                there = self.capture.set(cv2.CAP_PROP_POS_FRAMES, 0)


class VideoPlayer(Node):
    """Publishes ``image`` and ``camera_info``, stamped with the time of publishing.

    With the parameter ``step``, each message on ``~/next`` brings the next frame, so that who works on them loses none;
    their stamps are then as far apart as the rate says.
    """

    def __init__(self) -> None:
        super().__init__("video_player")
        parameters.declare(self, PlayerSettings)
        self.settings = parameters.read_table(self, PlayerSettings)
        self._types = InstalledTypes()
        # Reliable suits every subscriber; a few images of depth, since only the newest matter.
        self._images_to = self.create_publisher(Image, "image", QoSProfile(depth=2))
        self._info_to = self.create_publisher(CameraInfo, "camera_info", QoSProfile(depth=2))
        self._asked = 0
        self.create_subscription(Empty, "~/next", self._on_next, QoSProfile(depth=10))

    def play(self) -> int:
        """Plays to the end, or for ever.

        Returns:
            How many frames were published.

        Raises:
            VideoError: if the video cannot be opened.
            FileNotFoundError: if there is no such camera file.
            ValueError: if the camera file is wrong or for another image size.
        """
        video = Video.open(str(self.settings.video))
        camera = self._camera(video)
        rate = self.settings.rate or video.rate
        self.get_logger().info(
            f"playing {video.source}: {video.width}x{video.height} at {rate:g} frames/s"
            + (f", {video.frames} frames" if video.frames else "")
        )
        while not all(self._is_heard(publisher) for publisher in (self._images_to, self._info_to)):
            rclpy.spin_once(self, timeout_sec=0.05)
        self._asked = 0  # by somebody impatient, before there was anything to answer
        published = 0
        started = self.get_clock().now()
        due = time.monotonic()
        for image in video.images(self.settings.loop):
            if self.settings.step:
                # The first frame comes unasked.
                self._wait_for_next(published)
                self._publish(image, camera, started + Duration(nanoseconds=round(published / rate * 1e9)))
            else:
                rclpy.spin_once(self, timeout_sec=0.0)
                time.sleep(max(due - time.monotonic(), 0.0))
                self._publish(image, camera, self.get_clock().now())
            published += 1
            # Who falls behind goes on from now, instead of rushing to catch up.
            due = max(due + 1 / rate, time.monotonic())
        # The last image is shown for its time too, and so is on its way before this node is gone.
        if self.settings.step:
            self._wait_for_next(published)
        time.sleep(max(due - time.monotonic(), 0.0))
        if not published:
            raise VideoError(f"{video.source} opened, but its first frame cannot be read: is the file whole?")
        if published < video.frames:
            self.get_logger().warning(
                f"{video.source} ended after {published} of {video.frames} frames: is the file whole?"
            )
        self.get_logger().info(f"end of {video.source}: {published} frames published")
        return published

    def _is_heard(self, publisher: Publisher) -> bool:
        """Whether enough nodes listen; some have a second subscription while they change it for a better one."""
        listeners = self.get_subscriptions_info_by_topic(publisher.topic_name)
        second = len(listeners) - len({(each.node_namespace, each.node_name) for each in listeners})
        return max(publisher.get_subscription_count() - second, 0) >= self.settings.wait_for_subscribers

    def _camera(self, video: Video) -> Camera:
        path = self.settings.camera_yaml
        if not path:
            fov = self.settings.fov_degrees
            self.get_logger().warning(
                f"no camera_yaml given: a field of view of {fov:g} degrees is assumed; distances are as good as that"
            )
            return Camera.from_fov(video.width, video.height, fov)
        camera = Camera.from_yaml(path)
        if (camera.width, camera.height) != (video.width, video.height):
            raise ValueError(
                f"the video is {video.width}x{video.height} pixels, but {path} is for {camera.width}x{camera.height}: "
                "give the calibration for the video's size"
            )
        return camera

    def _on_next(self, _: Empty) -> None:
        self._asked += 1

    def _wait_for_next(self, published: int) -> None:
        while self._asked < published:
            rclpy.spin_once(self, timeout_sec=0.1)

    def _publish(self, image: Any, camera: Camera, stamp: Time) -> None:
        header = Header(stamp=stamp.to_msg(), frame_id=self.settings.frame_id)
        self._info_to.publish(camera_info.from_camera(self._types, header, camera))
        self._images_to.publish(images.from_bgr(self._types, header, image))


def main(args: list[str] | None = None) -> int:
    """Plays the video that the parameters name.

    Returns:
        The process' exit code: 0 at the end of the video, 1 if it cannot be played.
    """
    rclpy.init(args=args)
    try:
        node = VideoPlayer()
        try:
            with stopping.quietly():
                node.play()
        except (VideoError, ValueError, FileNotFoundError) as error:
            node.get_logger().error(str(error))
            return 1
        finally:
            node.destroy_node()
    except ParameterException as error:
        print(f"video_player: {error}", file=sys.stderr)
        return 1
    finally:
        rclpy.try_shutdown()
    return 0


if __name__ == "__main__":
    sys.exit(main())
