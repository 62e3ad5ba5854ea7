"""What a run amounts to: who was seen how often, how far, how tall, and how fast it went."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from metric_pose_ros.skeleton import Skeleton
from metric_pose_ros.stature import stature

Floats = npt.NDArray[np.floating]


@dataclass(eq=False)
class Run:
    """What was received.

    Attributes:
        stamps: of the images, in the order they came; seconds.
        people: by image stamp, then by number: (J, 3) metres.
        latency: seconds from an image's arrival to that of its keypoints, by image stamp.
        seconds: how long the frames took in all, from the first answer to the last.
    """

    stamps: list[float] = field(default_factory=list)
    people: dict[float, dict[int, Floats]] = field(default_factory=dict)
    latency: dict[float, float] = field(default_factory=dict)
    seconds: float = 0.0

    @property
    def numbers(self) -> list[int]:
        """Everybody who was seen."""
        return sorted({number for seen in self.people.values() for number in seen})

    @property
    def rate(self) -> float:
        """Processed frames per second; NaN for less than two."""
        return (len(self.people) - 1) / self.seconds if self.seconds > 0 else float("nan")

    def frames_of(self, number: int) -> list[tuple[int, Floats]]:
        """(index of the image, (J, 3) metres) wherever somebody was seen."""
        order = {stamp: index for index, stamp in enumerate(self.stamps)}
        return sorted(
            ((order[stamp], seen[number]) for stamp, seen in self.people.items() if number in seen and stamp in order),
            key=lambda frame: frame[0],
        )


def table(run: Run, skeleton: Skeleton, true_hips: Floats | None = None) -> str:
    """The run in words and numbers.

    Args:
        run: what was received.
        skeleton: of the joints.
        true_hips: (frames, 3) if known, metres: the middle between one person's hips in each image.
    """
    lines = ["person     frames  distance  height"]
    hips = skeleton.indices(("left_hip", "right_hip"))
    tracks = {number: run.frames_of(number) for number in run.numbers}
    middles = {number: {index: joints[hips].mean(axis=0) for index, joints in tracks[number]} for number in tracks}
    for number, frames in tracks.items():
        height = float(np.median([stature(joints, skeleton) for _, joints in frames]))
        distance = float(np.median([np.linalg.norm(middle) for middle in middles[number].values()]))
        seen = f"{len(frames)}/{len(run.stamps)}"
        lines.append(f"p{number:<6} {seen:>9} {distance:>7.2f} m {height:>5.2f} m")
    if not tracks:
        lines.append("nobody was seen")
    elif true_hips is not None:
        lines.append(_comparison(middles, true_hips))
    latency = np.array(list(run.latency.values())) * 1000
    if len(latency):
        lines.append(
            f"{len(run.people)} of {len(run.stamps)} frames processed, {run.rate:.1f} frames/s; "
            f"from image to keypoints {np.median(latency):.0f} ms median, {np.percentile(latency, 95):.0f} ms p95"
        )
    return "\n".join(lines)


def _comparison(middles: dict[int, dict[int, Floats]], true_hips: Floats) -> str:
    """How well the person whom the truth is about was placed: whoever is seen in that direction."""

    def aside(number: int) -> float:
        """Median angle between where somebody is seen and the truth, radians."""
        angles = [
            np.arccos(np.clip(middle @ true / np.linalg.norm(middle) / np.linalg.norm(true), -1, 1))
            for middle, true in _pairs(middles[number], true_hips)
        ]
        return float(np.median(angles)) if angles else np.inf

    number = min(middles, key=aside)
    both = [(np.linalg.norm(middle), np.linalg.norm(true)) for middle, true in _pairs(middles[number], true_hips)]
    if not both:
        return "nobody was seen while the truth is known"
    distance, truth = np.array(both).T
    error = 100 * (distance / truth - 1)
    return (
        f"p{number} against the clip's four calibrated views: distance {np.median(distance):.2f} m, "
        f"truth {np.median(truth):.2f} m; error {np.median(error):+.1f} % median, {np.abs(error).max():.1f} % at worst"
    )


def _pairs(middles: dict[int, Floats], true_hips: Floats) -> list[tuple[Floats, Floats]]:
    return [(middle, true_hips[index]) for index, middle in middles.items() if index < len(true_hips)]
