"""What models, MediaPipe and the triangulated truth say of the people of a clip, all told the same of where to look: a
box, and the keypoints that a detector sees there.

Each looks as it does in use: models as they state, with bystanders painted over whom the detector sees as well;
MediaPipe first at the keypoints, or at the box where there are none, and then, upright, at the circle around the body
that it found there (in videos, it looks at that in the next frame).
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
from rich.progress import track
from scipy.optimize import linear_sum_assignment

from metric_pose_ros.boxes import overlap
from metric_pose_ros.detection import Detector
from metric_pose_ros.estimator import PoseEstimator
from metric_pose_ros.geometry.body_crop import look_at_body
from metric_pose_ros.geometry.camera import Camera
from metric_pose_ros.geometry.crop import Crop, look_at, sample
from metric_pose_ros.geometry.placement import full_perspective
from metric_pose_ros.known_body import KnownBody
from metric_pose_ros.people import Detection, Person
from metric_pose_ros.skeleton import COCO_17, Skeleton
from metric_pose_ros.tracking import Tracker
from training.domain_gap import mediapipe_side
from training.domain_gap.clips import Clip
from training.domain_gap.true_views import CACHE

Floats = npt.NDArray[np.floating]
Image = npt.NDArray[np.uint8]

MEDIAPIPE = "MediaPipe heavy"
TRUTH = "triangulated truth"
_SIDE, _SCALE = 256, 1.25
"""Of MediaPipe's crops: px, and what they show over the larger side of the box, or over the circle's diameter."""
_CIRCLE = Skeleton("circle", ("pelvis", "left_shoulder", "right_shoulder"), ())
_CENTRE, _ON_TOP = 33, 34
"""MediaPipe's landmarks of that circle: its centre, between the hips, and where it is above the shoulders."""
_LEAST_VISIBLE = 0.5
_SAME = 0.3
"""Overlap of a box with what the detector found, from which both are taken for the same person."""


@dataclass(frozen=True, eq=False)
class Seen:
    """One person over F frames as one witness has it, with COCO's joints.

    Attributes:
        points: (F, 17, 2) px in the image.
        poses: (F, 17, 3) m in the camera's frame.
        std: (F, 17, 3) m, if stated.
        smooth: (F, 17, 3) m, what the tracker makes of the poses; None for witnesses that we do not track.
        sure: (F, 17) joints that the witness takes for visible.
    """

    points: Floats
    poses: Floats
    std: Floats | None = None
    smooth: Floats | None = None
    sure: npt.NDArray[np.bool_] | None = None


Testimony = dict[str, list[Seen]]
"""Witness -> what it says of each of a clip's people, in their order."""


def hear(clip: Clip, models: Mapping[str, PoseEstimator], with_mediapipe: bool, detector: Detector) -> Testimony:
    """Asks all witnesses about a clip.

    Args:
        clip: that it happens in.
        models: that give an answer for every box.
        with_mediapipe: whether to ask MediaPipe heavy as well.
        detector: whose keypoints all are told, if it has any.

    Raises:
        ValueError: if a model gives no finite answer for a box, or lacks a joint of COCO's.
    """
    found: dict[str, list[list[Person]]] = {name: [[] for _ in clip.people] for name in models}
    shown: list[list[Detection]] = [[] for _ in clip.people]
    for image, present in _frames(clip):
        detections, bystanders = _told([box for _, box in present], detector(image))
        for (number, _), detection in zip(present, detections, strict=True):
            shown[number].append(detection)
        for name, model in models.items():
            # Answers come in the order of scores, which bystanders have less of.
            (people,) = model.estimate_many([(image, clip.camera, [*detections, *bystanders])])
            for (number, _), person in zip(present, people, strict=False):
                if not np.isfinite(person.joints3d).all():
                    raise ValueError(f"{name} gives no finite pose for box {person.box.round()} of {clip.name}")
                found[name][number].append(person)
    told: Testimony = {name: [_model_saw(person, clip.rate_hz) for person in people] for name, people in found.items()}
    if with_mediapipe:
        told[MEDIAPIPE] = _mediapipe_saw(clip, shown)
    if clip.truth is not None:
        px = clip.camera.project(clip.truth.reshape(-1, 3)).reshape(*clip.truth.shape[:2], 2)
        told[TRUTH] = [Seen(px, clip.truth)]
    return told


def _told(boxes: list[Floats], found: list[Detection]) -> tuple[list[Detection], list[Detection]]:
    """A detection for each box, with the keypoints of whom the detector found there; and whom else it found."""
    detections = [Detection(box, 1.0) for box in boxes]
    bystanders = dict(enumerate(found))
    shared = overlap(np.stack(boxes), np.array([each.box for each in found]).reshape(-1, 4))
    for row, column in zip(*linear_sum_assignment(shared, maximize=True), strict=True):
        if shared[row, column] >= _SAME:
            detections[row] = replace(detections[row], keypoints=bystanders.pop(column).keypoints)
    return detections, [replace(each, score=min(each.score, 0.99)) for each in bystanders.values()]


def _frames(clip: Clip) -> Iterator[tuple[Image, list[tuple[int, Floats]]]]:
    """Frames with anybody to look at, and who: number and (4,) box of each."""
    last = max((person.start + len(person) for person in clip.people), default=0)
    for index, image in track(zip(range(last), clip.frames(), strict=False), description=clip.name, total=last):
        present = [
            (number, person.boxes[index - person.start])
            for number, person in enumerate(clip.people)
            if 0 <= index - person.start < len(person)
        ]
        if present:
            yield image, present


def _model_saw(people: list[Person], rate_hz: float) -> Seen:
    tracker = Tracker()
    smooth = [tracker.update([person], index / max(rate_hz, 1.0))[0] for index, person in enumerate(people)]

    def stacked(values: list[Floats]) -> Floats:
        return people[0].skeleton.convert(np.stack(values), COCO_17)

    return Seen(
        stacked([person.joints2d for person in people]),
        stacked([person.joints3d for person in people]),
        stacked([person.std for person in people]),
        stacked([person.joints3d for person in smooth]),
    )


def _mediapipe_saw(clip: Clip, shown: list[list[Detection]]) -> list[Seen]:
    """What MediaPipe says of each of a clip's people."""
    crops = [[_first_look(clip.camera, detection) for detection in mine] for mine in shown]
    first = [_answers(pixels)[0] for pixels in _cut(clip, crops)]
    crops = [
        [_circle(landmarks, crop) or crop for landmarks, crop in zip(saw, mine, strict=True)]
        for saw, mine in zip(first, crops, strict=True)
    ]
    return [
        _mediapipe_person(*_answers(pixels), mine, clip.camera)
        for pixels, mine in zip(_cut(clip, crops), crops, strict=True)
    ]


def _first_look(camera: Camera, detection: Detection) -> Crop:
    known = KnownBody.of(detection, camera, COCO_17)
    return (known and known.crop(_SIDE, _SCALE)) or look_at(camera, detection.box, _SIDE, _SCALE)


def _circle(landmarks: Floats, crop: Crop) -> Crop | None:
    """The crop around the circle that landmarks (39, 5) in a crop tell of, as MediaPipe makes it."""
    centre, top = crop.rays(landmarks[[_CENTRE, _ON_TOP], :2].astype(float))
    return look_at_body(np.stack([centre, top, top]), _CIRCLE, _SIDE, _SCALE)


def _cut(clip: Clip, crops: list[list[Crop]]) -> list[npt.NDArray[np.uint8]]:
    """(F, 256, 256, 3) RGB of the crops of each person."""
    pixels: list[list[npt.NDArray[np.uint8]]] = [[] for _ in crops]
    batch = np.zeros((1, 3, _SIDE, _SIDE), np.float32)
    for image, present in _frames(clip):
        for number, _ in present:
            sample(image, clip.camera, [crops[number][len(pixels[number])]], batch)
            pixels[number].append(np.round(batch[0].transpose(1, 2, 0) * 255).astype(np.uint8))
    return [np.stack(mine) for mine in pixels]


def _mediapipe_person(landmarks: Floats, world: Floats, crops: list[Crop], camera: Camera) -> Seen:
    """World landmarks have no place: they are put where they fit the image's landmarks best."""
    points, visible = mediapipe_side.coco_joints(landmarks)
    world = world[:, mediapipe_side.COCO_LANDMARKS].astype(float)
    intrinsics = np.stack([crop.K for crop in crops])
    everywhere = np.ones(points.shape[:2], bool)
    poses = world + full_perspective(points, world, intrinsics, everywhere)[:, None]
    return Seen(
        np.stack([camera.project(crop.rays(mine)) for crop, mine in zip(crops, points, strict=True)]),
        np.stack([crop.to_camera_frame(pose) for crop, pose in zip(crops, poses, strict=True)]),
        sure=visible > _LEAST_VISIBLE,
    )


def _answers(pixels: npt.NDArray[np.uint8]) -> tuple[Floats, Floats]:
    """(N, 39, 5) landmarks and (N, 39, 3) m of crops (N, 256, 256, 3); asked once, then kept.

    Raises:
        UnavailableError: if MediaPipe cannot be had.
    """
    kept = CACHE / "domain_gap" / f"mediapipe-{hashlib.sha256(pixels.tobytes()).hexdigest()[:16]}.npz"
    if not kept.is_file():
        landmarks, world = mediapipe_side.look(pixels)
        kept.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=kept.parent) as folder:
            np.savez(Path(folder) / kept.name, landmarks=landmarks, world=world)
            (Path(folder) / kept.name).replace(kept)
    with np.load(kept) as content:
        return content["landmarks"], content["world"]
