"""One person over frames: where the body was seen, where it is expected, and why somebody is looked for."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from metric_pose_ros.body_size import BodySize
from metric_pose_ros.geometry.camera import Camera
from metric_pose_ros.left_right import LeftRight
from metric_pose_ros.motion import OneEuroFilter, WalkingFilter
from metric_pose_ros.people import Person

Floats = npt.NDArray[np.floating]

_FLESH_M = 0.08
"""How far the body reaches beyond its outermost joints, roughly."""
MISJUDGED = (0.1, 0.03)
"""Of the distance, one standard deviation along the ray and across it, added for telling people apart, whom a look
may take for nearer or further off, or bent otherwise."""
_LONGEST_S = 0.5
"""Whoever is not seen in a frame is not expected to walk on for longer."""
_LONGEST_PAUSE_S = 1.0
"""The same where there was no frame, which says less; after a longer pause people may stand where they were going."""
_DOUBTFUL = 2
"""Detections in a row without agreement after which a track is doubted."""
_SHRINKING_PER_S = 1.5
"""Rate at which a box may shrink: by 5 % from frame to frame at 30 Hz, to a fifth in a second."""


@dataclass(eq=False)
class Track:
    """One person over frames.

    Attributes:
        person: as last seen, unsmoothed, in the size of the frames so far, in the camera's frame of then.
        seen_s: stamp of that.
        motion: where the pelvis is, in the tracking frame.
        shape: smooths the joints about it, in the tracking frame.
        size: keeps the body's size.
        sides: keeps left and right.
        hits: frames in which the person was seen.
        detections: how often the detector, not only the track itself, has said with some certainty that somebody is
            there.
        id: ``p1``, ``p2``, ...; empty until the track is trusted.
        unconfirmed: detections in a row that did not find the person.
        missed: whether the last frame did not show the person.
        hidden: whether somebody nearer stands in the line of sight to where the person is expected.
        expected: (4,) xyxy px where the person was looked for last.
        expected_joints: (J, 3) m where the joints were expected then, in the camera's frame; None where the detector
            doubts the track.
    """

    person: Person
    seen_s: float
    motion: WalkingFilter
    shape: OneEuroFilter
    size: BodySize = field(default_factory=BodySize)
    sides: LeftRight = field(default_factory=LeftRight)
    hits: int = 0
    detections: int = 0
    id: str = ""
    unconfirmed: int = 0
    missed: bool = False
    hidden: bool = False
    expected: Floats | None = None
    expected_joints: Floats | None = None

    @property
    def doubted(self) -> bool:
        """Whether the detector has not agreed for a while."""
        return self.unconfirmed >= _DOUBTFUL

    def position_at(self, stamp_s: float) -> Floats:
        """(3,) m of the pelvis in the tracking frame at constant velocity, for half a second or a pause's first."""
        longest = _LONGEST_S if self.missed else _LONGEST_PAUSE_S
        return self.motion.position_at(min(stamp_s - self.seen_s, longest))

    def covariance_at(self, stamp_s: float) -> Floats:
        """(3, 3) m^2 of where the pelvis is, at most as after half a second: later, anybody would be near enough."""
        return self.motion.covariance_at(min(stamp_s - self.seen_s, _LONGEST_S))

    def joints_at(self, stamp_s: float, pose: Floats | None = None) -> Floats:
        """(J, 3) m in the camera's frame: as last seen, moved along; arguments as for `box_at`."""
        return self.person.joints3d + to_camera(self.position_at(stamp_s), pose) - self.person.position

    def box_at(self, stamp_s: float, camera: Camera, pose: Floats | None = None) -> Floats:
        """(4,) xyxy px in which to look for the person: the body's visible bounds, moved along; never empty.

        Args:
            stamp_s: when.
            camera: that looks.
            pose: (4, 4) from the camera's frame of then to the tracking frame; the same by default.
        """
        here, there = self.person.position, to_camera(self.position_at(stamp_s), pose)
        beside = there + _FLESH_M * np.array([1.0, 0.0, 0.0])
        points = camera.project(np.stack([here, there, beside]))
        size = np.array([camera.width, camera.height], float)
        if not np.isfinite(points).all():
            return np.clip(self.person.box, 0, np.tile(size, 2))
        flesh = float(np.linalg.norm(points[2] - points[1]))
        joints = self.person.joints2d + points[1] - points[0]
        low, high = joints.min(axis=0) - flesh, joints.max(axis=0) + flesh
        # A pose that collapses must not take its box along, or nobody would be found again: boxes shrink slowly.
        least = (self.person.box[2:] - self.person.box[:2]) * np.exp(-_SHRINKING_PER_S * (stamp_s - self.seen_s))
        missing = np.maximum(least - (high - low), 0) / 2
        low = np.clip(low - missing, 0, size - 2)
        high = np.clip(high + missing, low + 2, size)
        return np.concatenate([low, high])


@dataclass(frozen=True, eq=False)
class Look:
    """Why somebody was looked for.

    Attributes:
        box: (4,) xyxy px in which.
        score: 0..1 of the box.
        track: the one that is expected there, if any.
        detected: whether the detector has found somebody there now.
        apart: whether no other track is near in the image; otherwise a new person is trusted later.
        keypoints: what the detector saw of that somebody, see `Detection`.
    """

    box: Floats
    score: float
    track: Track | None = None
    detected: bool = False
    apart: bool = True
    keypoints: Floats | None = None


def placed(person: Person, pose: Floats | None, misjudged: tuple[float, float]) -> tuple[Floats, Floats]:
    """(3,) m where a person's pelvis is in the tracking frame, and (3, 3) m^2 how sure.

    The network says how sure it is of joints, less of distances; shares of it are added along the ray and across.
    """
    position = np.asarray(person.position, float)
    along, across = misjudged
    covariance = np.diag(np.square(np.asarray(person.std, float)).mean(axis=0) + across**2 * (position @ position))
    covariance = covariance + (along**2 - across**2) * np.outer(position, position)
    if pose is None:
        return position, covariance
    return pose[:3, :3] @ position + pose[:3, 3], pose[:3, :3] @ covariance @ pose[:3, :3].T


def to_camera(position: Floats, pose: Floats | None) -> Floats:
    """(3,) m in the camera's frame of a point in the tracking frame."""
    return position if pose is None else pose[:3, :3].T @ (position - pose[:3, 3])
