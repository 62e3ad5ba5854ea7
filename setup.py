"""Builds the package for colcon and for pip."""

from glob import glob

from setuptools import find_packages, setup

package = "metric_pose_ros"

setup(
    name=package,
    version="0.1.0",
    description="3D human poses in metres from one calibrated camera, for ROS 2",
    license="Apache-2.0",
    python_requires=">=3.10",
    packages=find_packages(include=[package, f"{package}.*"]),
    package_data={package: ["demo/clip_truth.json", "messages/definitions/*/msg/*.msg"]},
    data_files=[
        ("share/ament_index/resource_index/packages", [f"resource/{package}"]),
        (f"share/{package}", ["package.xml"]),
        (f"share/{package}/config", sorted(glob("config/*"))),
        (f"share/{package}/launch", sorted(glob("launch/*.launch.py"))),
        (f"share/{package}/models", sorted(glob("models/*"))),
    ],
    install_requires=["setuptools"],
    zip_safe=True,
    entry_points={
        "console_scripts": [
            "metric-pose = metric_pose_ros.commands:main",
            "metric_pose_node = metric_pose_ros.ros.node:main",
            "video_player = metric_pose_ros.ros.video_player:main",
        ],
    },
)
