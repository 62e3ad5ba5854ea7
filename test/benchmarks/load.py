"""How late and how often people are published, by how many there are in how many cameras: the real node under load.

The node runs in a process of its own, with its networks and topics; cameras publish faster than it can look, so that
it is always busy. `load_node` says what is not as usual: who is in the picture is known.
"""

from __future__ import annotations

import os
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from metric_pose_ros import Camera
from metric_pose_ros.messages import camera_info, images
from test.benchmarks import load_pictures
from test.benchmarks.speed import spread

PEOPLE = (1, 5, 10, 20)
CAMERAS = (1, 2, 4)
SIZES = {"720p": (1280, 720), "1080p": (1920, 1080)}
MODEL = "fast"
_CAMERA_HZ = 10.0
_LEAST_S, _LONGEST_S = 4.0, 15.0
"""Of looking at a scene: on a slow machine until every camera has had so many answers as below, but no longer."""
_ANSWERS = 8
_NAMES = ("front", "rear", "left", "right")
_JOINTS = 30

Stamp = tuple[int, int]


@dataclass(eq=False)
class _Heard:
    """Answers of one camera: when each came, in seconds, and of how many people."""

    sent_s: dict[Stamp, float] = field(default_factory=dict)
    answers: list[tuple[float, float, int]] = field(default_factory=list)

    def take(self, message: Any) -> None:
        """Takes keypoints."""
        stamp = (message.header.stamp.sec, message.header.stamp.nanosec)
        if stamp in self.sent_s:
            self.answers.append((time.monotonic(), self.sent_s[stamp], message.width // _JOINTS))

    def sees(self, people: int) -> bool:
        """Whether the latest answer is about so many."""
        return bool(self.answers) and self.answers[-1][2] == people


def measure(people: tuple[int, ...] = PEOPLE, cameras: tuple[int, ...] = CAMERAS, model: str = MODEL) -> dict[str, Any]:
    """Every number of people and cameras in every size; and the most people with `max_people` of a quarter of them.

    Raises:
        ImportError: without ROS 2.
    """
    from metric_pose_ros.demo import processes

    processes.isolate()
    most = max(people)
    man = load_pictures.cut_out()
    rows = []
    for count in cameras:
        scenes = [(number, size) for size in SIZES for number in people]
        rows += _with_node(model, count, most * count, scenes, man)
    rows += _with_node(model, max(cameras), most // 4, [(most, "720p")], man)
    return {"model": model, "camera_hz": _CAMERA_HZ, "cores": os.cpu_count(), "rows": rows}


def _with_node(
    model: str, cameras: int, max_people: int, scenes: list[tuple[int, str]], man: load_pictures.Image
) -> list[dict[str, Any]]:
    """Shows one node one scene after the other."""
    from test.ros.graph import Bench, Running, wait_until

    names = _NAMES[:cameras]
    options = {"model": model, "cameras": ",".join(names), "max_people": min(max_people, 100)}
    arguments = [word for name, value in options.items() for word in ("-p", f"{name}:={value}")]
    with Bench() as bench, Running("test.benchmarks.load_node", "--ros-args", *arguments) as node:
        node.wait_for_log("active: listening to")
        rig = _Rig(bench, names)
        wait_until(rig.heard_by_node, "the node", lambda: node.log)
        return [rig.show(man, people, size) | {"max_people": max_people} for people, size in scenes]


class _Rig:
    """Several cameras that see the same, and their answers."""

    def __init__(self, bench: Any, names: tuple[str, ...]) -> None:
        from rclpy.qos import QoSProfile, qos_profile_sensor_data
        from sensor_msgs.msg import CameraInfo, Image, PointCloud2

        self._bench, self._names = bench, names
        self._to = {
            name: (
                bench.node.create_publisher(CameraInfo, f"/{name}/camera_info", qos_profile_sensor_data),
                bench.node.create_publisher(Image, f"/{name}/image", qos_profile_sensor_data),
            )
            for name in names
        }
        self._heard: dict[str, _Heard] = defaultdict(_Heard)
        for name in names:
            topic = f"/metric_pose/{name}/keypoints"
            bench.node.create_subscription(
                PointCloud2, topic, lambda message, name=name: self._heard[name].take(message), QoSProfile(depth=20)
            )

    def heard_by_node(self) -> bool:
        """Whether the node listens to every camera."""
        return all(each.get_subscription_count() for pair in self._to.values() for each in pair)

    def show(self, man: load_pictures.Image, people: int, size: str) -> dict[str, Any]:
        """What comes of so many people in every camera."""
        width, height = SIZES[size]
        camera = Camera.from_fov(width, height, 70.0)
        header = self._bench.header()
        info = camera_info.from_camera(self._bench.types, header, camera)
        image = images.from_bgr(self._bench.types, header, load_pictures.crowd(man, people, width, height))
        self._publish(image, info, lambda _: all(each.sees(people) for each in self._every))
        self._heard.clear()
        start = time.monotonic()
        sent = self._publish(
            image,
            info,
            lambda seconds: seconds > _LEAST_S and all(len(each.answers) >= _ANSWERS for each in self._every),
        )
        seconds = time.monotonic() - start
        every = [answer for each in self._every for answer in each.answers]
        found = {"people": people, "cameras": len(self._names), "size": size, "sent": sent, "answered": len(every)}
        if len(every) < 2:
            return found
        latency = [came - taken for came, taken, _ in every]
        return found | {
            "seen": round(float(np.mean([seen for *_, seen in every])), 1),
            "latency_ms": spread(latency) | {"max": round(max(latency) * 1e3, 1)},
            "answers_per_second_and_camera": round(len(every) / len(self._names) / seconds, 2),
            "people_per_second": round(sum(seen for *_, seen in every) / seconds, 1),
        }

    @property
    def _every(self) -> list[_Heard]:
        return [self._heard[name] for name in self._names]

    def _publish(self, image: Any, info: Any, enough: Callable[[float], bool]) -> int:
        """Publishes images of all cameras at their rate until that is enough, after so many seconds; how many."""
        sent, due = 0, time.monotonic()
        start = due
        while due < start + _LONGEST_S and not enough(due - start):
            for name, (info_to, image_to) in self._to.items():
                header = self._bench.header(frame_id=name)
                image.header = info.header = header
                self._heard[name].sent_s[header.stamp.sec, header.stamp.nanosec] = time.monotonic()
                info_to.publish(info)
                image_to.publish(image)
                sent += 1
            due = max(due + 1 / _CAMERA_HZ, time.monotonic())
            time.sleep(max(due - time.monotonic(), 0.0))
        return sent


def draw(result: dict[str, Any], file: Path) -> None:
    """Curves of latency and throughput over the number of people."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    measures = (
        ("latency of the image's stamp, ms: median and 95th percentile", _latency),
        ("people per second, all cameras together", lambda row: (row["people_per_second"],)),
    )
    figure, axes = pyplot.subplots(1, 2, figsize=(11, 4.2), layout="constrained")
    curves: dict[tuple[int, str], list[dict[str, Any]]] = defaultdict(list)
    for row in result["rows"]:
        if "latency_ms" in row and row["max_people"] >= row["people"] * row["cameras"]:
            curves[row["cameras"], row["size"]].append(row)
    for axis, (title, values) in zip(axes, measures, strict=True):
        for number, ((cameras, size), rows) in enumerate(curves.items()):
            colour, dashes = f"C{number // 2}", ("-", "--")[number % 2]
            label = f"{cameras} camera{'s'[: cameras > 1]}, {size}"
            for index, line in enumerate(zip(*map(values, rows), strict=True)):
                style = {"color": colour, "linestyle": dashes, "alpha": 1.0 if index == 0 else 0.35}
                axis.plot(
                    [row["people"] for row in rows], line, marker="o", label=label if not index else None, **style
                )
        axis.set(xlabel="people in each picture", title=title, ylim=(0, None))
        axis.grid(alpha=0.3)
    axes[0].legend(fontsize="small")
    figure.suptitle(f"{result['model']}, {result['cores']} cores, cameras at {result['camera_hz']:g} Hz each")
    figure.savefig(file, dpi=110)
    pyplot.close(figure)


def _latency(row: dict[str, Any]) -> tuple[float, float]:
    return row["latency_ms"]["median"], row["latency_ms"]["p95"]
