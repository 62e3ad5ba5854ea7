"""Starts metric_pose_node, and what is asked for beside it: a player of a video, RViz.

For example, with RViz, and with two cameras whose drivers publish on /front/image_raw and /rear/image_raw:

    ros2 launch metric_pose_ros metric_pose.launch.py image:=/camera/image_raw camera_info:=/camera/camera_info \\
        rviz:=true
    ros2 launch metric_pose_ros metric_pose.launch.py cameras:=front,rear image:=/{camera}/image_raw \\
        camera_info:=/{camera}/camera_info
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from ament_index_python.packages import get_package_share_directory
from launch.actions import DeclareLaunchArgument, OpaqueFunction, SetEnvironmentVariable
from launch.substitutions import EnvironmentVariable, LaunchConfiguration
from launch_ros.actions import Node
from launch_ros.parameter_descriptions import ParameterValue

from launch import LaunchContext, LaunchDescription

PUBLISHED = ("markers", "keypoints", "overlay")
OVERRIDES = ("model", "image_transport", "fixed_frame", "tracking_frame", "cameras")
"""Arguments that are parameters of the node."""


def components(context: LaunchContext) -> list[Node]:
    """The processes that are asked for; arguments that are empty leave parameters as the parameters file has them."""

    def value(name: str) -> str:
        return LaunchConfiguration(name).perform(context)

    def on(name: str) -> bool:
        return value(name).lower() in ("true", "1")

    cameras = [name.strip() for name in value("cameras").split(",") if name.strip()]
    return [
        *([_people(value, on, cameras)] if on("node") else []),
        *([_player(value)] if value("video") else []),
        *([_rviz(value, cameras)] if on("rviz") else []),
    ]


def _people(value: Callable[[str], str], on: Callable[[str], bool], cameras: list[str]) -> Node:
    parameters: list[Any] = [value("params_file"), {"use_sim_time": on("use_sim_time")}]
    parameters += [{name: value(name)} for name in OVERRIDES if value(name)]
    if on("people"):
        parameters.append({"publish_people": True})
    if on("build_only"):
        parameters.append({"build_only": True})
    return Node(
        package="metric_pose_ros",
        executable="metric_pose_node",
        name="metric_pose",
        namespace=value("namespace"),
        parameters=parameters,
        remappings=_topics(value, cameras),
        # A node that ended by itself, as build_only does, stays away.
        respawn=on("respawn") and not on("build_only"),
        respawn_delay=1.0,
        output="screen",
    )


def _topics(value: Callable[[str], str], cameras: list[str]) -> list[tuple[str, str]]:
    """What the node's topics are remapped to; those of several cameras are <camera>/image if nothing else is said."""
    topics = [(name, value(name)) for name in ("image", "camera_info")]
    if not cameras:
        return topics
    # What a video is played as counts as said.
    said = [(name, to) for name, to in topics if to != name or value("video")]
    for name, to in said:
        if len(cameras) > 1 and "{camera}" not in to:
            raise ValueError(f"{name}:={to} is one topic for {len(cameras)} cameras: put {{camera}} where the name is")
    return [(f"{camera}/{name}", to.replace("{camera}", camera)) for camera in cameras for name, to in said]


def _player(value: Callable[[str], str]) -> Node:
    # A text even if it is the number of a webcam.
    parameters = {
        name: ParameterValue(value(given), value_type=str)
        for name, given in (("video", "video"), ("camera_yaml", "video_camera_yaml"))
    }
    return Node(
        package="metric_pose_ros",
        executable="video_player",
        namespace=value("namespace"),
        parameters=[parameters],
        remappings=[(name, value(name)) for name in ("image", "camera_info")],
        output="screen",
    )


def _rviz(value: Callable[[str], str], cameras: list[str]) -> Node:
    node = f"{value('namespace')}/metric_pose"
    own = f"{node}/{cameras[0]}" if cameras else node
    return Node(
        package="rviz2",
        executable="rviz2",
        arguments=["-d", value("rviz_config"), *(["-f", value("rviz_frame")] if value("rviz_frame") else [])],
        remappings=[(f"/metric_pose/{name}", f"{own}/{name}") for name in PUBLISHED],
        output="screen",
    )


def generate_launch_description() -> LaunchDescription:
    """Called by ros2 launch."""
    config = Path(get_package_share_directory("metric_pose_ros")) / "config"
    arguments = {
        "image": ("image", "Topic of the camera's images."),
        "camera_info": ("camera_info", "Topic of the camera's CameraInfo."),
        "cameras": ("", "Names of several cameras, such as front,rear; {camera} in image and camera_info is the name."),
        "namespace": ("", "Namespace of the node."),
        "params_file": (str(config / "metric_pose.yaml"), "Parameters of the node."),
        "model": ("", "Pose model: heavy, fast or a path; empty takes the one in params_file."),
        "people": ("false", "Publish /people for nav2's social layers; needs people_msgs."),
        "fixed_frame": ("", "Frame of /people, such as odom; empty takes the one in params_file."),
        "tracking_frame": ("", "Frame that stands still, such as odom; empty takes the one in params_file."),
        "image_transport": ("", "How images come: raw or compressed; empty takes the one in params_file."),
        "build_only": ("false", "Build the engines that are missing for this GPU, then end."),
        "respawn": ("false", "Start the node anew, a second after it died."),
        "node": ("true", "Start the node itself."),
        "video": ("", "Video file, or number of a webcam, to play as image and camera_info; empty plays none."),
        "video_camera_yaml": ("", "Calibration file of the video."),
        "use_sim_time": ("false", "Take the time from /clock, for bags."),
        "rviz": ("false", "Show people in RViz; of several cameras, those of the first."),
        "rviz_frame": ("", "Frame that RViz shows people in, such as odom; empty takes the one in rviz_config."),
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
            ("FASTDDS_DEFAULT_PROFILES_FILE", str(config / "fastdds_shm.xml")),  # since Kilted
            # NumPy's own threads wait on the networks' threads.
            ("OPENBLAS_NUM_THREADS", "1"),
        )
    ]
    return LaunchDescription([*declared, *environment, OpaqueFunction(function=components)])
