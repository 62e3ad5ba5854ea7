"""Where people stand, in metres, from one camera."""

from metric_pose_ros.estimator import PoseEstimator
from metric_pose_ros.geometry.camera import Camera
from metric_pose_ros.people import Detection, Person
from metric_pose_ros.skeleton import Skeleton

__all__ = ["Camera", "Detection", "Person", "PoseEstimator", "Skeleton"]
