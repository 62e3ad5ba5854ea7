"""Starts metric_pose_node, and RViz if asked for.

For example, with RViz:

    ros2 launch metric_pose_ros metric_pose.launch.py image:=/camera/image_raw camera_info:=/camera/camera_info \\
        rviz:=true
"""

from pathlib import Path

from ament_index_python.packages import get_package_share_directory
from launch.actions import DeclareLaunchArgument, OpaqueFunction, SetEnvironmentVariable
from launch.conditions import IfCondition
from launch.substitutions import EnvironmentVariable, LaunchConfiguration
from launch_ros.actions import Node

from launch import LaunchContext, LaunchDescription

PUBLISHED = ("markers", "keypoints", "overlay")


def people(context: LaunchContext) -> list[Node]:
    """The node; `model`, `image_transport` and `build_only` override the parameters file only where they are given."""
    parameters = [LaunchConfiguration("params_file"), {"use_sim_time": LaunchConfiguration("use_sim_time")}]
    for name in ("model", "image_transport"):
        if value := LaunchConfiguration(name).perform(context):
            parameters.append({name: value})
    if LaunchConfiguration("build_only").perform(context).lower() in ("true", "1"):
        parameters.append({"build_only": True})
    return [
        Node(
            package="metric_pose_ros",
            executable="metric_pose_node",
            name="metric_pose",
            namespace=LaunchConfiguration("namespace"),
            parameters=parameters,
            remappings=[(name, LaunchConfiguration(name)) for name in ("image", "camera_info")],
            output="screen",
        )
    ]


def generate_launch_description() -> LaunchDescription:
    """Called by ros2 launch."""
    config = Path(get_package_share_directory("metric_pose_ros")) / "config"
    arguments = {
        "image": ("image", "Topic of the camera's images."),
        "camera_info": ("camera_info", "Topic of the camera's CameraInfo."),
        "namespace": ("", "Namespace of the node."),
        "params_file": (str(config / "metric_pose.yaml"), "Parameters of the node."),
        "model": ("", "Pose model: heavy, fast or a path; empty takes the one in params_file."),
        "image_transport": ("", "How images come: raw or compressed; empty takes the one in params_file."),
        "build_only": ("false", "Build the engines that are missing for this GPU, then end."),
        "use_sim_time": ("false", "Take the time from /clock, for bags."),
        "rviz": ("false", "Show people in RViz."),
        "rviz_config": (str(config / "metric_pose.rviz"), "RViz configuration."),
    }
    declared = [
        DeclareLaunchArgument(name, default_value=default, description=description)
        for name, (default, description) in arguments.items()
    ]
    environment = [
        SetEnvironmentVariable(name, EnvironmentVariable(name, default_value=value))
        for name, value in (
            # Fast DDS loses most 720p images with its default transports.
            ("FASTRTPS_DEFAULT_PROFILES_FILE", str(config / "fastdds_shm.xml")),
            # NumPy's own threads wait on the networks' threads.
            ("OPENBLAS_NUM_THREADS", "1"),
        )
    ]
    rviz = Node(
        package="rviz2",
        executable="rviz2",
        arguments=["-d", LaunchConfiguration("rviz_config")],
        remappings=[
            (f"/metric_pose/{name}", [LaunchConfiguration("namespace"), f"/metric_pose/{name}"]) for name in PUBLISHED
        ],
        condition=IfCondition(LaunchConfiguration("rviz")),
        output="screen",
    )
    return LaunchDescription([*declared, *environment, OpaqueFunction(function=people), rviz])
