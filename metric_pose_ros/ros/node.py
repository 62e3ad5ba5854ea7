"""The metric_pose node: images and CameraInfo in, people in metres out."""

from __future__ import annotations

import sys
import threading
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Protocol

import cv2
import numpy as np
import numpy.typing as npt
import rclpy
from diagnostic_msgs.msg import DiagnosticArray
from rcl_interfaces.msg import ParameterDescriptor, SetParametersResult
from rclpy.exceptions import ParameterException
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn
from rclpy.parameter import Parameter
from std_srvs.srv import SetBool

from metric_pose_ros.detection import OutsideDetections
from metric_pose_ros.estimator import PoseEstimator
from metric_pose_ros.geometry.camera import Camera
from metric_pose_ros.people import Person
from metric_pose_ros.ros import diagnostics, parameters, stopping
from metric_pose_ros.ros.complaints import Complaints
from metric_pose_ros.ros.detections import DetectionInput
from metric_pose_ros.ros.frames import FrameListener, MovingCamera
from metric_pose_ros.ros.input import Arrival, CameraInput, NotReadyError
from metric_pose_ros.ros.output import PeopleOutput
from metric_pose_ros.ros.parameters import Settings
from metric_pose_ros.stream import CameraMotion, StreamEstimator

JOINT_NAMES = "joint_names"
"""Read-only parameter with the names behind the joint numbers of the keypoints."""


class Stream(Protocol):
    """What finds people in the frames of one camera; `StreamEstimator` is one."""

    timings: dict[str, float]
    detection_interval: int
    outside: OutsideDetections | None

    def __call__(
        self, image_bgr: npt.NDArray[np.uint8], camera: Camera, stamp_s: float, motion: CameraMotion | None
    ) -> list[Person]: ...

    def close(self) -> None: ...


def open_stream(settings: Settings) -> StreamEstimator:
    """The estimator that the parameters ask for.

    Raises:
        FileNotFoundError: if a model does not exist.
        ValueError: if a model or a parameter cannot be used.
    """
    # Two networks at work on the same core make each other wait at every layer, so a detector in the background gets a
    # thread of its own and the pose network the others.
    beside = settings.background_detection and not settings.detections_topic
    estimator = PoseEstimator(
        model=settings.model,
        skeleton=settings.skeleton,
        engine=settings.engine,
        detector=None if settings.detections_topic else settings.detector,
        threads=max(settings.threads - 1, 1) if beside else settings.threads,
        mirror=settings.mirror,
        most_people=settings.most_people,
        detector_threads=1 if beside else None,
    )
    outside = OutsideDetections() if settings.detections_topic else None
    return StreamEstimator(estimator, settings.detection_interval, beside, outside=outside)


class MetricPoseNode(LifecycleNode):
    """A lifecycle node: configure loads the model, activate subscribes and starts the worker.

    Subscription callbacks only store the newest image. One worker thread takes it, so that nothing is ever queued: with
    a slow model frames are dropped and counted, and what is published is never older than two processing periods.

    Args:
        open_stream: makes what finds people, from the parameters.
    """

    def __init__(self, open_stream: Callable[[Settings], Stream] = open_stream) -> None:
        super().__init__("metric_pose")
        parameters.declare(self)
        self.settings = parameters.read(self)
        self.add_on_set_parameters_callback(self._on_parameters)
        self._open_stream = open_stream
        self._complaints = Complaints(self.get_logger())
        self._performance = diagnostics.Performance()
        self._stream: Stream | None = None
        self._input: CameraInput | None = None
        self._output: PeopleOutput | None = None
        self._frames = FrameListener(self, self._complaints)
        self._detections: DetectionInput | None = None
        self._enabled = True
        self._worker: threading.Thread | None = None
        self._state = "unconfigured"
        self._model = ""
        self._received = self._dropped = 0
        self._diagnostics_to = self.create_publisher(DiagnosticArray, "/diagnostics", 10)
        self.create_timer(self.settings.diagnostics_period, self._report)
        self.create_service(SetBool, "~/enable", self._on_enable)

    def start(self) -> None:
        """Configures and activates, if the parameter autostart asks for it."""
        if not self.settings.autostart:
            self.get_logger().info("waiting to be configured")
        elif self.trigger_configure() == TransitionCallbackReturn.SUCCESS:
            self.trigger_activate()
        else:
            self.get_logger().error("not started: mend the above, then ask for the transition configure")

    def build(self) -> int:
        """Opens the networks once, which builds the engines that are missing; returns the process' exit code."""
        if self.trigger_configure() != TransitionCallbackReturn.SUCCESS:
            return 1
        self.get_logger().info("everything is built; build_only ends here")
        return 0

    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Loads the model; fails with the reason in the log if that cannot be done."""
        settings = self.settings = parameters.read(self)
        self.get_logger().info(
            f"loading {settings.model} with detector {settings.detections_topic or settings.detector}"
        )
        try:
            cv2.setNumThreads(settings.threads)
            # Checked here, so that a wrong camera file fails before the node says that it is ready.
            CameraInput(self, settings, self._complaints)
            self._output = PeopleOutput(self, settings, self._frames)
            self._stream = self._open_stream(settings)
        except Exception as error:
            self._complaints.error(f"cannot configure: {error}")
            self._release()
            return TransitionCallbackReturn.FAILURE
        estimator = getattr(self._stream, "estimator", None)
        self._model = getattr(estimator, "description", type(self._stream).__name__)
        if estimator is not None:
            names = list(estimator.skeleton.names)
            # Not read_only for rclpy: such a parameter could not be taken away with the model.
            descriptor = ParameterDescriptor(description="Read-only: joints in the order of the keypoints.")
            self.declare_parameter(JOINT_NAMES, names, descriptor)
        self._state = "inactive"
        self.get_logger().info(f"ready: {self._model}")
        return TransitionCallbackReturn.SUCCESS

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Subscribes and starts the worker."""
        result = super().on_activate(state)
        self._state = "active"
        if self._enabled:
            self._begin()
        else:
            self.get_logger().info("active, but disabled: ask ~/enable")
        return result

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Stops the worker and deletes the markers."""
        self.stop()
        self._state = "inactive"
        return super().on_deactivate(state)

    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Lets the model go."""
        self._release()
        return TransitionCallbackReturn.SUCCESS

    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Stops whatever runs."""
        self.stop()
        self._release()
        self._state = "finalized"
        return TransitionCallbackReturn.SUCCESS

    def _begin(self) -> None:
        """Starts to listen and to work."""
        self._input = CameraInput(self, self.settings, self._complaints)
        self._worker = threading.Thread(target=self._work, args=(self._input,), name="people", daemon=True)
        self._worker.start()
        if self.settings.fixed_frame or self.settings.tracking_frame:
            self._frames.open()
        if self._stream is not None and self._stream.outside is not None:
            self._detections = DetectionInput(self, self.settings, self._stream.outside, self._complaints)
            self._detections.open()
        self._input.open()
        self.get_logger().info(f"active: listening to {self._input.topics}")

    def stop(self) -> None:
        """Ends the worker, if it runs, and deletes the markers."""
        if self._input is None or self._worker is None or self._output is None:
            return
        self._input.close()
        self._worker.join()
        self._frames.close()
        if self._detections is not None:
            self._detections.close()
            self._detections = None
        self._received += self._input.arrivals.received
        self._dropped += self._input.arrivals.dropped
        self._input = self._worker = None
        if self.context.ok():
            self._output.clear()

    def _release(self) -> None:
        if self._stream is not None:
            self._stream.close()
        if self._output is not None:
            self._output.close()
        if self.has_parameter(JOINT_NAMES):
            self.undeclare_parameter(JOINT_NAMES)
        self._stream = self._output = None
        self._state = "unconfigured"
        self._model = ""

    def _work(self, source: CameraInput) -> None:
        """Takes the newest image, again and again, until the input is closed."""
        assert self._output is not None
        while (arrival := source.arrivals.take()) is not None:
            try:
                if self.settings.publish_when_unheard or self._output.listened():
                    self._process(source, arrival)
                else:
                    self._performance.idle()
            except NotReadyError as reason:
                self._complaints.warning(str(reason))
            except ValueError as error:
                self._complaints.error(str(error))
            except Exception as error:
                if not self.context.ok():
                    return  # Ctrl+C takes the publishers away in the middle of a frame
                # One frame is lost; whatever it was, the next may be fine.
                self._complaints.error(f"a frame failed: {error}", traceback.format_exc())

    def _process(self, source: CameraInput, arrival: Arrival) -> None:
        assert self._stream is not None
        assert self._output is not None
        settings = self.settings
        started = time.perf_counter()
        frame = source.frame(arrival, settings.frame_id)
        converted = time.perf_counter()
        self._stream.detection_interval = settings.detection_interval
        if self._detections is not None:
            self._detections.ask()
        motion = None
        if settings.tracking_frame not in ("", frame.header.frame_id):
            patience = settings.transform_patience
            motion = MovingCamera(self._frames, settings.tracking_frame, frame.header.frame_id, patience)
        people = self._stream(frame.image_bgr, frame.camera, frame.stamp_s, motion)
        estimated = time.perf_counter()
        self._output.publish(frame, people, settings)
        done = time.perf_counter()
        self._performance.record(
            {"conversion": converted - started, **self._stream.timings, "publishing": done - estimated},
            done - arrival.arrived_s,
        )

    def _on_parameters(self, changes: Sequence[Parameter]) -> SetParametersResult:
        if any(change.name == JOINT_NAMES for change in changes) and self.has_parameter(JOINT_NAMES):
            return SetParametersResult(
                successful=False, reason=f"{JOINT_NAMES} says what the model has: it is read-only"
            )
        known = {change.name: change.value for change in changes if hasattr(Settings, change.name)}
        fixed = [name for name in known if name not in parameters.LIVE]
        if fixed and self._stream is not None:
            reason = f"{', '.join(fixed)} can only change while the node is unconfigured: deactivate and clean up first"
            return SetParametersResult(successful=False, reason=reason)
        self.settings = replace(self.settings, **known)
        return SetParametersResult(successful=True)

    def _on_enable(self, request: SetBool.Request, response: SetBool.Response) -> SetBool.Response:
        """Listens to images, or leaves them alone, without a lifecycle manager."""
        changed, self._enabled = request.data != self._enabled, request.data
        if changed and self._state == "active":
            if self._enabled:
                self._begin()
            else:
                self.stop()
                self.get_logger().info("disabled: images are left alone")
        response.success, response.message = True, "enabled" if self._enabled else "disabled"
        return response

    def _report(self) -> None:
        arrivals = self._input.arrivals if self._input is not None else None
        counts = {
            "images received": self._received + (arrivals.received if arrivals else 0),
            "images dropped": self._dropped + (arrivals.dropped if arrivals else 0),
        }
        self._diagnostics_to.publish(
            diagnostics.report(
                self.get_clock().now().to_msg(),
                self.get_fully_qualified_name(),
                self._model,
                self._state if self._enabled else f"{self._state}, disabled",
                self._performance,
                counts,
                self._complaints,
            )
        )


def main(args: list[str] | None = None, open_stream: Callable[[Settings], Any] = open_stream) -> int:
    """Runs the node until it is told to stop.

    Args:
        args: the command line; that of the process by default.
        open_stream: as for `MetricPoseNode`.

    Returns:
        The process' exit code.
    """
    rclpy.init(args=args)
    try:
        node = MetricPoseNode(open_stream)
    except ParameterException as error:
        print(f"metric_pose: {error}", file=sys.stderr)
        rclpy.try_shutdown()
        return 1
    try:
        with stopping.quietly():
            if node.settings.build_only:
                return node.build()
            node.start()
            rclpy.spin(node)
    finally:
        node.stop()
        node.destroy_node()
        rclpy.try_shutdown()
    return 0


if __name__ == "__main__":
    sys.exit(main())
