"""Where people stand, in metres, from one camera."""

import os
import sys

# ONNX Runtime as PyPI has it tells its makers what it runs, with a number for this device, unless this is said before
# it is loaded. Whoever wants that can say 0.
os.environ["ORT_DISABLE_TELEMETRY"] = os.environ.get("ORT_DISABLE_TELEMETRY", "1")
if "onnxruntime" in sys.modules and hasattr(sys.modules["onnxruntime"], "disable_telemetry_events"):
    sys.modules["onnxruntime"].disable_telemetry_events()

from metric_pose_ros.estimator import PoseEstimator
from metric_pose_ros.geometry.camera import Camera
from metric_pose_ros.people import Detection, Person
from metric_pose_ros.skeleton import Skeleton

__all__ = ["Camera", "Detection", "Person", "PoseEstimator", "Skeleton"]
