"""The metric_pose node: images and CameraInfo in, people in metres out."""

from __future__ import annotations

import sys
import threading
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import cv2
import rclpy
from diagnostic_msgs.msg import DiagnosticArray
from rcl_interfaces.msg import ParameterDescriptor, SetParametersResult
from rclpy.exceptions import ParameterException
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn
from rclpy.parameter import Parameter
from std_srvs.srv import SetBool

from metric_pose_ros.complaints import Complaints
from metric_pose_ros.messages.incoming import NotReadyError
from metric_pose_ros.messages.outgoing import PeopleMessages
from metric_pose_ros.messages.types import InstalledTypes
from metric_pose_ros.pipeline import Pipeline, Stream, open_stream
from metric_pose_ros.ros import diagnostics, parameters, stopping
from metric_pose_ros.ros.detections import DetectionInput
from metric_pose_ros.ros.frames import FrameListener
from metric_pose_ros.ros.input import Arrival, CameraInput
from metric_pose_ros.ros.output import PeopleOutput
from metric_pose_ros.settings import LIVE, Settings

JOINT_NAMES = "joint_names"
"""Read-only parameter with the names behind the joint numbers of the keypoints."""


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
        self._messages: PeopleMessages | None = None
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
            self._output = PeopleOutput(self, settings)
            self._messages = PeopleMessages(InstalledTypes(), self._frames)
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
        assert self._stream is not None
        assert self._messages is not None
        self._input = CameraInput(self, self.settings, self._complaints)
        pipeline = Pipeline(self._stream, self._input.camera, self._messages, self._frames)
        self._worker = threading.Thread(target=self._work, args=(self._input, pipeline), name="people", daemon=True)
        self._worker.start()
        if self.settings.fixed_frame or self.settings.tracking_frame:
            self._frames.open()
        if self._stream.outside is not None:
            self._detections = DetectionInput(self, self.settings, self._stream.outside, self._complaints)
            self._detections.open()
        self._input.open()
        self.get_logger().info(f"active: listening to {self._input.topics}")

    def stop(self) -> None:
        """Ends the worker, if it runs, and deletes the markers."""
        if self._input is None or self._worker is None or self._output is None or self._messages is None:
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
            self._output.publish(self._messages.clear(self.settings))

    def _release(self) -> None:
        if self._stream is not None:
            self._stream.close()
        if self._output is not None:
            self._output.close()
        if self.has_parameter(JOINT_NAMES):
            self.undeclare_parameter(JOINT_NAMES)
        self._stream = self._output = self._messages = None
        self._state = "unconfigured"
        self._model = ""

    def _work(self, source: CameraInput, pipeline: Pipeline) -> None:
        """Takes the newest image, again and again, until the input is closed."""
        assert self._output is not None
        while (arrival := source.arrivals.take()) is not None:
            try:
                if self.settings.publish_when_unheard or self._output.listened():
                    self._process(pipeline, arrival)
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

    def _process(self, pipeline: Pipeline, arrival: Arrival) -> None:
        assert self._output is not None
        if self._detections is not None:
            self._detections.ask()
        messages = pipeline(arrival.message, self.settings, self._output.wanted)
        estimated = time.perf_counter()
        self._output.publish(messages)
        done = time.perf_counter()
        self._performance.record({**pipeline.timings, "publishing": done - estimated}, done - arrival.arrived_s)

    def _on_parameters(self, changes: Sequence[Parameter]) -> SetParametersResult:
        if any(change.name == JOINT_NAMES for change in changes) and self.has_parameter(JOINT_NAMES):
            return SetParametersResult(
                successful=False, reason=f"{JOINT_NAMES} says what the model has: it is read-only"
            )
        known = {change.name: change.value for change in changes if hasattr(Settings, change.name)}
        fixed = [name for name in known if name not in LIVE]
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
