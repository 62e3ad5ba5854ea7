"""The metric_pose node: parameters, life cycle and services around the worker."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import cv2
import rclpy
from diagnostic_msgs.msg import DiagnosticArray
from rcl_interfaces.msg import ParameterDescriptor, SetParametersResult
from rclpy.clock import Clock, ClockType
from rclpy.exceptions import ParameterException
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn
from rclpy.parameter import Parameter
from std_srvs.srv import SetBool

from metric_pose_ros.complaints import Complaints
from metric_pose_ros.engines.cuda import memory_in_use
from metric_pose_ros.messages.outgoing import PeopleMessages
from metric_pose_ros.messages.types import InstalledTypes
from metric_pose_ros.pipeline import Streams, open_streams
from metric_pose_ros.ros import diagnostics, health, packages, parameters, stopping
from metric_pose_ros.ros.frames import FrameListener
from metric_pose_ros.ros.input import CameraInput
from metric_pose_ros.ros.latest import Latest
from metric_pose_ros.ros.output import PeopleOutput
from metric_pose_ros.ros.watchdog import Watchdog
from metric_pose_ros.ros.worker import Worker
from metric_pose_ros.settings import LIVE, Settings, camera_names

JOINT_NAMES = "joint_names"
"""Read-only parameter with the names behind the joint numbers of the keypoints."""


class MetricPoseNode(LifecycleNode):
    """A lifecycle node: configure loads the model, activate subscribes and starts the worker.

    Subscription callbacks only store the newest image. One worker thread takes it, so that nothing is ever queued: with
    a slow model frames are dropped and counted, and what is published is never older than two processing periods.

    Args:
        open_streams: makes what finds people, from the parameters.
    """

    def __init__(self, open_streams: Callable[[Settings], Streams] = open_streams) -> None:
        super().__init__("metric_pose")
        parameters.declare(self)
        self.settings = parameters.read(self)
        self.add_on_set_parameters_callback(self._on_parameters)
        self._open_streams = open_streams
        self._complaints = Complaints(self.get_logger())
        self._performance = diagnostics.Performance()
        self._output: PeopleOutput | None = None
        self._frames = FrameListener(self, self._complaints)
        self._messages: dict[str, PeopleMessages] = {}
        self._enabled = True
        self._state = "unconfigured"
        self._watchdog = Watchdog(self, lambda: self.settings, self._complaints, self._begin, self._load, self._retire)
        self._received = self._dropped = 0
        self._diagnostics_to = self.create_publisher(DiagnosticArray, "/diagnostics", 10)
        # Not the node's clock: diagnostics that fall silent mean a dead node, not a simulation that stands still.
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        self.create_timer(self.settings.diagnostics_period, self._report, clock=steady)
        self.create_service(SetBool, "~/enable", self._on_enable)

    def start(self) -> None:
        """Configures and activates, if the parameter autostart asks for it."""
        if not self.settings.autostart:
            self.get_logger().info("waiting to be configured")
        elif self.trigger_configure() != TransitionCallbackReturn.SUCCESS:
            self.get_logger().error("not started: mend the above, then ask for the transition configure")
        elif self.trigger_activate() != TransitionCallbackReturn.SUCCESS:
            self.get_logger().error("not started: mend the above, then ask for the transition activate")

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
            CameraInput(self, settings, self._complaints, Latest())
            if settings.detections_topic:
                self._check_detections_topic(settings.detections_topic)
            self._output = PeopleOutput(self, settings)
            self._messages = self._message_makers()
            self._watchdog.streams = self._load()
        except Exception as error:
            self._complaints.error(f"cannot configure: {error}")
            self._release()
            return TransitionCallbackReturn.FAILURE
        estimator = self._estimator
        if estimator is not None:
            joints = list(estimator.skeleton.names)
            # Not read_only for rclpy: such a parameter could not be taken away with the model.
            descriptor = ParameterDescriptor(description="Read-only: joints in the order of the keypoints.")
            self.declare_parameter(JOINT_NAMES, joints, descriptor)
        self._state = "inactive"
        self.get_logger().info(f"ready: {self._model}")
        return TransitionCallbackReturn.SUCCESS

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Subscribes and starts the worker."""
        result = super().on_activate(state)
        if not self._enabled:
            self.get_logger().info("active, but disabled: ask ~/enable")
        elif refusal := self._trouble_to_begin():
            self._complaints.error(f"cannot activate: {refusal}")
            super().on_deactivate(state)
            return TransitionCallbackReturn.FAILURE
        self._state = "active"
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

    def stop(self) -> None:
        """Ends the worker, if it runs, and deletes the markers."""
        self._watchdog.end()

    def close(self) -> None:
        """Stops whatever runs, at the end of the process."""
        self.stop()
        self._watchdog.release()

    def _check_detections_topic(self, topic: str) -> None:
        try:
            self.resolve_topic_name(topic)
        except Exception as error:  # rclpy's own, and that of the library below, which names no topic
            raise ValueError(f"detections_topic is {topic!r}, which is no topic's name: {error}") from error

    def _load(self) -> Streams:
        return self._open_streams(self.settings)

    def _begin(self, streams: Streams) -> Worker:
        """Starts to listen and to work."""
        assert self._output is not None
        worker = Worker(
            self,
            lambda: self.settings,
            streams,
            self._messages,
            self._output,
            self._frames,
            self._complaints,
            self._performance,
        )
        worker.open()
        self.get_logger().info(f"active: listening to {worker.topics}")
        return worker

    def _trouble_to_begin(self) -> str:
        """Lets the worker begin; why it cannot, such as a camera's file that is gone, or nothing."""
        try:
            self._watchdog.begin()
        except Exception as error:
            self.stop()
            return str(error)
        return ""

    def _retire(self, worker: Worker, stuck: bool) -> None:
        """Takes back what a worker has said, now that it says no more."""
        self._received += worker.arrivals.received
        self._dropped += worker.arrivals.dropped
        if self._output is not None and self.context.ok():
            for messages in self._messages.values():
                self._output.publish(messages.clear(self.settings))
        if stuck:
            self._messages = self._message_makers()

    def _message_makers(self) -> dict[str, PeopleMessages]:
        types = InstalledTypes()
        return {name: PeopleMessages(types, self._frames, name) for name in camera_names(self.settings)}

    @property
    def _estimator(self) -> Any:
        """What finds people if it is the package's own, or None."""
        return getattr(self._watchdog.streams, "estimator", None)

    @property
    def _model(self) -> str:
        """What runs now, in words."""
        streams = self._watchdog.streams
        return "" if streams is None else getattr(self._estimator, "description", type(streams).__name__)

    def _release(self) -> None:
        self._watchdog.release()
        if self._output is not None:
            self._output.close()
        if self.has_parameter(JOINT_NAMES):
            self.undeclare_parameter(JOINT_NAMES)
        self._output = None
        self._messages = {}
        self._state = "unconfigured"

    def _on_parameters(self, changes: Sequence[Parameter]) -> SetParametersResult:
        if any(change.name == JOINT_NAMES for change in changes) and self.has_parameter(JOINT_NAMES):
            return SetParametersResult(
                successful=False, reason=f"{JOINT_NAMES} says what the model has: it is read-only"
            )
        known = {change.name: change.value for change in changes if hasattr(Settings, change.name)}
        fixed = [name for name in known if name not in LIVE]
        if fixed and self._state in ("inactive", "active"):
            reason = f"{', '.join(fixed)} can only change while the node is unconfigured: deactivate and clean up first"
            return SetParametersResult(successful=False, reason=reason)
        settings = replace(self.settings, **known)
        if self._output is not None:
            try:
                packages.check(settings)
                self._output.offer(settings, self._state == "active")
            except ValueError as error:
                return SetParametersResult(successful=False, reason=str(error))
        self.settings = settings
        return SetParametersResult(successful=True)

    def _on_enable(self, request: SetBool.Request, response: SetBool.Response) -> SetBool.Response:
        """Listens to images, or leaves them alone, without a lifecycle manager."""
        changed, self._enabled = request.data != self._enabled, request.data
        refusal = ""
        if changed and self._state == "active":
            if not self._enabled:
                self.stop()
                self.get_logger().info("disabled: images are left alone")
            elif refusal := self._trouble_to_begin():
                self._enabled = False
                self._complaints.error(f"cannot be enabled: {refusal}")
        response.success, response.message = not refusal, refusal or ("enabled" if self._enabled else "disabled")
        return response

    def _report(self) -> None:
        worker = self._watchdog.worker
        arrivals = worker.arrivals if worker is not None else None
        if namesakes := health.namesakes(self):
            self._complaints.error(namesakes)
        further: dict[str, int | str] = {
            "images received": self._received + (arrivals.received if arrivals else 0),
            "images dropped": self._dropped + (arrivals.dropped if arrivals else 0),
            "restarts of the worker": self._watchdog.restarts,
        }
        if self._estimator is not None and self._estimator.on_gpu:
            further["GPU memory of all programs"] = memory_in_use()
        now = self.get_clock().now()
        self._diagnostics_to.publish(
            diagnostics.report(
                now.to_msg(),
                self.get_fully_qualified_name(),
                self._model,
                self._state if self._enabled else f"{self._state}, disabled",
                self._performance,
                further,
                self._complaints,
                health.warnings(self._watchdog, self.settings, clock_runs=now.nanoseconds > 0),
            )
        )


def main(args: list[str] | None = None, open_streams: Callable[[Settings], Any] = open_streams) -> int:
    """Runs the node until it is told to stop.

    Args:
        args: the command line; that of the process by default.
        open_streams: as for `MetricPoseNode`.

    Returns:
        The process' exit code.
    """
    rclpy.init(args=args)
    try:
        node = MetricPoseNode(open_streams)
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
        node.close()
        node.destroy_node()
        rclpy.try_shutdown()
    return stopping.despite_threads(0)


if __name__ == "__main__":
    sys.exit(main())
