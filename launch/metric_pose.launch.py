"""Starts metric_pose_node, and RViz if asked for.

For example: ros2 launch metric_pose_ros metric_pose.launch.py image:=/camera/image_raw camera_info:=/camera/camera_info rviz:=true
"""

from pathlib import Path

from ament_index_python.packages import get_package_share_directory
from launch.actions import DeclareLaunchArgument, SetEnvironmentVariable
from launch.conditions import IfCondition
from launch.substitutions import EnvironmentVariable, LaunchConfiguration
from launch_ros.actions import Node

from launch import LaunchDescription


def generate_launch_description() -> LaunchDescription:
    """Called by ros2 launch."""
    share = Path(get_package_share_directory("metric_pose_ros"))
    arguments = {
        "image": ("image", "Topic of the camera's images."),
        "camera_info": ("camera_info", "Topic of the camera's CameraInfo."),
        "namespace": ("", "Namespace of the node."),
        "params_file": (str(share / "config" / "metric_pose.yaml"), "Parameters of the node."),
        "model": ("metric_pose_heavy", "Pose model: heavy, fast, a shipped name or a path to an ONNX file."),
        "use_sim_time": ("false", "Take the time from /clock, for bags."),
        "rviz": ("false", "Show people in RViz."),
        "rviz_config": (str(share / "config" / "metric_pose.rviz"), "RViz configuration."),
    }
    profile = EnvironmentVariable(
        "FASTRTPS_DEFAULT_PROFILES_FILE", default_value=str(share / "config" / "fastdds_shm.xml")
    )
    return LaunchDescription(
        [
            *(
                DeclareLaunchArgument(name, default_value=default, description=description)
                for name, (default, description) in arguments.items()
            ),
            # Fast DDS loses most 720p images with its default transports.
            SetEnvironmentVariable("FASTRTPS_DEFAULT_PROFILES_FILE", profile),
            Node(
                package="metric_pose_ros",
                executable="metric_pose_node",
                name="metric_pose",
                namespace=LaunchConfiguration("namespace"),
                parameters=[
                    LaunchConfiguration("params_file"),
                    {"model": LaunchConfiguration("model"), "use_sim_time": LaunchConfiguration("use_sim_time")},
                ],
                remappings=[
                    ("image", LaunchConfiguration("image")),
                    ("camera_info", LaunchConfiguration("camera_info")),
                ],
                output="screen",
            ),
            Node(
                package="rviz2",
                executable="rviz2",
                arguments=["-d", LaunchConfiguration("rviz_config")],
                condition=IfCondition(LaunchConfiguration("rviz")),
                output="screen",
            ),
        ]
    )
