"""What is found in a frame: a detection is a box, a person is a skeleton in metres."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from metric_pose_ros.skeleton import Skeleton

Floats = npt.NDArray[np.floating]


@dataclass(frozen=True, eq=False)
class Detection:
    """A box around somebody.

    Attributes:
        box: (4,) xyxy in px of the image as seen.
        score: 0..1.
        expected: (J, 3) m where the person's joints are expected, in the camera's frame and with the joints of the pose
            model's skeleton; None if nothing is known of the person.
        keypoints: (17, 3) of COCO's joints as the detector sees them: x and y in px of the image, and 0..1 how sure it
            is; None from detectors that only know boxes.
    """

    box: Floats
    score: float
    expected: Floats | None = None
    keypoints: Floats | None = None


@dataclass(frozen=True, eq=False)
class Person:
    """One skeleton in one frame.

    Attributes:
        joints3d: (J, 3) metres in the camera optical frame (x right, y down, z forward).
        joints2d: (J, 2) px in the image as seen, distortion included; may lie outside the image.
        std: (J, 3) metres, one standard deviation of each coordinate about the body's place.
        confidence: (J,) 0..1, the probability that a joint lies within 150 mm of where it is said to be.
        box: (4,) xyxy px the skeleton was computed from.
        score: 0..1, the detector's score for the box.
        skeleton: names and bones of the J joints.
        id: who this is over frames, such as ``p3``; empty until a tracker has named the person.
        velocity: (3,) metres per second of the position in the camera optical frame; zero until tracked.
        distance_std: metres, one standard deviation of the body's distance, which all joints share: along the line of
            sight they err by this much together. Zero for somebody whom no estimator has placed.
    """

    joints3d: Floats
    joints2d: Floats
    std: Floats
    confidence: Floats
    box: Floats
    score: float
    skeleton: Skeleton
    id: str = ""
    velocity: Floats = field(default_factory=lambda: np.zeros(3))
    distance_std: float = 0.0

    @property
    def position(self) -> Floats:
        """(3,) metres: the pelvis in the camera optical frame; what stands for it, see `Skeleton.root`."""
        return self.joints3d[self.skeleton.root].mean(axis=0)
