"""Runs a model over shards, through the code that the robot runs, and puts what it found beside the truth."""

from __future__ import annotations

import contextlib
import itertools
import tarfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
from rich.progress import track

from metric_pose_ros.geometry.camera import Camera
from metric_pose_ros.people import Detection, Person
from metric_pose_ros.skeleton import Skeleton
from training.data.frames import Frame
from training.data.shards import Problems, Sample
from training.evaluation.opening import Opened
from training.evaluation.people import Floats, People
from training.evaluation.protocols.mupots import Crowd
from training.evaluation.protocols.protocol import Protocol

Read = TypeVar("Read")
Image = npt.NDArray[np.uint8]

TRUE_BOX_SCALE = 1.1
"""Side of a person's box over that of the smallest one around the joints, which lie inside the body."""


def count_examples(paths: list[Path]) -> int:
    """How many examples the shards hold, readable or not, without decoding any; none in broken shards."""
    count = 0
    for path in paths:
        with contextlib.suppress(OSError, tarfile.TarError), tarfile.open(path) as archive:
            count += sum(name.endswith(".npz") for name in archive.getnames())
    return count


def evenly_chosen(examples: Iterable[Read], count: int, limit: int) -> Iterator[Read]:
    """At most `limit` of about `count` examples, at even distances; all of them for a limit of 0."""
    if not limit or limit >= count:
        yield from examples
        return
    # From the middle of each share: the last ones would be lost where some examples are broken.
    chosen = set(((np.arange(limit) + 0.5) * count / limit).astype(int).tolist())
    yield from (example for number, example in enumerate(examples) if number in chosen)


def find_people(
    opened: Opened, samples: Iterable[Sample], protocol: Protocol, batch: int, problems: Problems, total: int
) -> People:
    """What the model makes of samples.

    Args:
        opened: the model; its estimator must give an answer for every box.
        samples: people of one data set.
        protocol: whose joints are asked for, and what is done to a sample first.
        batch: how many samples go through the network at once.
        problems: notes who was not measured, and why.
        total: about how many samples there are, for the progress bar.

    Raises:
        ValueError: if nobody can be measured, or no joint of the protocol is the model's.
    """
    estimator = opened.estimator
    collected: list[dict[str, Any]] = []
    facts: list[dict[str, Any]] = []
    joints: Skeleton | None = protocol.skeleton
    shown = iter(track(samples, description=protocol.name, total=total))
    while chunk := list(itertools.islice(shown, batch)):
        joints = joints or chunk[0].skeleton
        labelled = [sample for sample in chunk if _has_labels(sample, joints, problems)]
        changed = [protocol.change(sample, estimator.info.crop_scale) for sample in labelled]
        for sample, people in zip(changed, _answers(opened, changed, problems), strict=True):
            if people is None:
                continue
            if len(people) != 1 or not np.isfinite(people[0].joints3d).all():
                problems.note("person without an answer", sample.key)
                continue
            collected.append(_beside(people[0], sample, joints))
            facts.append({"key": sample.key, **sample.facts})
    if joints is None or not collected:
        raise ValueError(f"there is nobody to measure; {problems}")
    arrays = {name: np.stack([one[name] for one in collected]) for name in collected[0]}
    missing = tuple(joint for joint in joints.names if joint not in estimator.skeleton.names)
    return People(joints, facts=facts, placed=opened.placed, missing=missing, **arrays)


def find_crowds(opened: Opened, frames: Iterable[Frame], joints: Skeleton, true_boxes: bool, total: int) -> list[Crowd]:
    """What the model makes of whole frames.

    Args:
        opened: the model; its estimator needs a detector unless the boxes are true ones.
        frames: several people each.
        joints: that are asked for.
        true_boxes: whether people are looked for where they are instead of being detected.
        total: about how many frames there are, for the progress bar.
    """
    estimator = opened.estimator
    crowds = []
    for frame in track(frames, description="mupots", total=total):
        image, camera = _bgr(frame.image), camera_of(frame.image, frame.intrinsics)
        people = estimator.estimate(image, camera, true_boxes_of(frame)) if true_boxes else estimator(image, camera)
        found = [_picked(person, joints) for person in people]
        valid = frame.valid
        crowds.append(
            Crowd(
                sequence=str(frame.facts.get("sequence", "all")),
                true_mm=_labels(frame.joints_mm[valid], frame.skeleton, joints),
                true_px=_labels(frame.joints_px[valid], frame.skeleton, joints),
                universal_mm=_labels(frame.universal_mm[valid], frame.skeleton, joints),
                found_mm=np.array([one["found_mm"] for one in found]).reshape(-1, len(joints), 3),
                found_px=np.array([one["found_px"] for one in found]).reshape(-1, len(joints), 2),
            )
        )
    return crowds


def true_boxes_of(frame: Frame) -> Floats:
    """(N, 4) xyxy px around those people of a frame who count and are at least partly in it."""
    boxes = []
    for joints_px in frame.joints_px[frame.valid]:
        if not np.isfinite(joints_px).all(axis=-1).any():
            continue
        low, high = np.nanmin(joints_px, axis=0), np.nanmax(joints_px, axis=0)
        centre, half = (low + high) / 2, np.maximum((high - low) / 2 * TRUE_BOX_SCALE, 1)
        box = np.concatenate([centre - half, centre + half])
        height, width = frame.image.shape[:2]
        if (box[2:] > 0).all() and (box[:2] < [width, height]).all():
            boxes.append(box)
    return np.array(boxes).reshape(-1, 4)


def _answers(opened: Opened, samples: list[Sample], problems: Problems) -> list[list[Person] | None]:
    """The people in each sample's box; None, and a note, for a sample whose camera or box makes no sense."""
    ask = opened.estimator.estimate_many
    try:
        return [*ask([(_bgr(s.image), camera_of(s.image, s.intrinsics), [Detection(s.box, 1.0)]) for s in samples])]
    except ValueError as error:
        if len(samples) == 1:
            problems.note("unusable sample", f"{samples[0].key}: {error}")
            return [None]
    return [answer for sample in samples for answer in _answers(opened, [sample], problems)]


def camera_of(image: Image, intrinsics: Floats) -> Camera:
    """The pinhole camera that took a picture of a shard."""
    return Camera(np.asarray(intrinsics, float), np.zeros(0), "pinhole", image.shape[1], image.shape[0])


def _bgr(image: Image) -> Image:
    return np.ascontiguousarray(image[..., ::-1])


def _has_labels(sample: Sample, joints: Skeleton, problems: Problems) -> bool:
    """Whether a sample has any joint to measure; notes it if not."""
    if np.isfinite(_labels(sample.joints_mm[None], sample.skeleton, joints)).any():
        return True
    problems.note("person without 3D labels", sample.key)
    return False


def _beside(person: Person, sample: Sample, joints: Skeleton) -> dict[str, Any]:
    """What was found of a person and what is true, by the names that `People` has for it."""
    found = _picked(person, joints)
    there = np.asarray(np.isfinite(found["found_mm"]).all(axis=-1))
    true_mm = _labels(sample.joints_mm[None].astype(float), sample.skeleton, joints)[0]
    true_px = _labels(sample.joints_px[None].astype(float), sample.skeleton, joints)[0]
    inside = _labels(sample.visibility[None, :, None].astype(float), sample.skeleton, joints)[0, :, 0] > 0
    return {
        "found_mm": np.where(there[:, None], found["found_mm"], 0),
        "found_px": found["found_px"],
        "std_mm": np.where(there[:, None], found["std_mm"], 0),
        "true_mm": np.where(there[:, None], true_mm, np.nan),
        "true_px": np.where(there[:, None], true_px, np.nan),
        "inside": inside & there,
    }


def _picked(person: Person, joints: Skeleton) -> dict[str, Floats]:
    """Joints of a person by the names of a skeleton, mm; NaN for those that the model does not have."""
    return {
        "found_mm": _labels(person.joints3d[None] * 1000, person.skeleton, joints)[0],
        "found_px": _labels(person.joints2d[None], person.skeleton, joints)[0],
        "std_mm": _labels(person.std[None] * 1000, person.skeleton, joints)[0],
    }


def _labels(values: Floats, given: Skeleton, joints: Skeleton) -> Floats:
    """(N, J_given, D) by the names of another skeleton, (N, J, D); NaN for joints that are not given."""
    picked = np.full((len(values), len(joints), values.shape[-1]), np.nan)
    for place, name in enumerate(joints.names):
        if name in given.names:
            picked[:, place] = values[:, given.names.index(name)]
    return picked
