"""People in a video: the detector looks now and then, tracks say where to look in between."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import chain, cycle

import numpy as np
import numpy.typing as npt
from scipy.optimize import linear_sum_assignment

from metric_pose_ros.detection import Combined, Detector, OutsideDetections, inside, overlap
from metric_pose_ros.estimator import PoseEstimator
from metric_pose_ros.geometry.camera import Camera
from metric_pose_ros.given import check_image
from metric_pose_ros.nearest import nearest_looks
from metric_pose_ros.people import Detection, Person
from metric_pose_ros.shots import Begun, CameraMotion, Shot
from metric_pose_ros.track import Look, Track
from metric_pose_ros.tracking import Tracker

Floats = npt.NDArray[np.floating]
Image = npt.NDArray[np.uint8]

_AGREED = 0.5
"""Overlap from which a detection confirms a track. The track's own box is kept then: it trembles less."""
_NEAR = 0.3
"""Overlap from which a detection may be of the same person at all."""
_REMEMBERED = 60
"""Frames for which it is remembered where people were expected, for detections that come later."""
_SAME_TIME_S = 0.15
"""Detections whose image is further from any that was looked at are about something else."""
_PAUSE_S = 0.7
"""Between two frames, after which the detector looks again: people may have walked out of where they are expected."""
_SLOWEST_DETECTION_S = 10.0
"""Of work on a detection in the background, after which frames wait for it; somebody watches whether they end."""
STAGES = ("crop", "network", "placement")
"""Of `PoseEstimator.timings`, what comes between detection and tracking."""
_PATIENCE = 6
"""Detections in a row that may miss a person whom the pose network still sees."""


def _turns(detector: Detector | None) -> Iterator[Detector]:
    """The whole detector first, then its parts in turn."""
    if detector is None:
        raise ValueError("a stream needs an estimator with a detector, for example PoseEstimator(detector='movenet')")
    parts = detector.parts if isinstance(detector, Combined) else (detector,)
    return chain((detector,), cycle(parts))


@dataclass(eq=False)
class _Pending:
    """A detection on its way.

    Attributes:
        detections: that come.
        expected: the tracks' boxes in the frame that it looks at.
        running_s: since when it was seen to be worked on, time of `time.monotonic`.
    """

    detections: Future[list[Detection]]
    expected: list[tuple[Track, Floats]]
    running_s: float | None = None

    def is_due(self) -> bool:
        """Whether to take it, even if it must be waited for: who comes in is not seen as long as it does not come."""
        if self.running_s is None and self.detections.running():  # not while other cameras' come first
            self.running_s = time.monotonic()
        slow = self.running_s is not None and time.monotonic() - self.running_s > _SLOWEST_DETECTION_S
        return slow or self.detections.done()


@dataclass(frozen=True, eq=False)
class _Found:
    """What the detector brings.

    Attributes:
        strangers: people whom no track follows, as far as the boxes tell.
        corrections: better boxes for tracks, by the track's id().
    """

    strangers: list[Look]
    corrections: dict[int, Look]


def detection_thread() -> ThreadPoolExecutor:
    """A thread for detections in the background."""
    return ThreadPoolExecutor(1, thread_name_prefix="detection")


class StreamEstimator:
    """Estimates and tracks people over the frames of one camera.

    Args:
        estimator: that finds and places people in one frame; it needs a detector.
        detection_interval: the detector looks at every so-many-th frame, at every second one while somebody is
            lost or not yet trusted, and at every one while nobody is tracked. A
            detector of several parts, as for near and far, is asked one part at a time after the first frame.
        background_detection: while somebody is tracked, let the detector look on a thread of its own, so that no frame
            waits for it. What it finds comes in a few frames later, and depends on timing; without it, equal frames
            give equal people.
        tracker: names and smooths people.
        worker: thread for detections in the background that several streams share, and that somebody else closes.
        outside: where detections come from instead of the estimator's detector, which is not needed then. They may come
            later than their image: they are compared with where people were expected in it.

    Attributes:
        detection_interval: as above; may be changed between frames.
        timings: seconds per stage of the latest frame: ``detection`` (what this frame waited for), ``crop``,
            ``network``, ``placement``, ``tracking``.
        left_out: people of the latest frame who were not looked at, since others were nearer.
    """

    def __init__(
        self,
        estimator: PoseEstimator,
        detection_interval: int = 8,
        background_detection: bool = False,
        tracker: Tracker | None = None,
        outside: OutsideDetections | None = None,
        worker: ThreadPoolExecutor | None = None,
    ) -> None:
        if detection_interval < 1:
            raise ValueError(f"detection_interval is {detection_interval}, expected at least 1")
        self.estimator = estimator
        self.tracker = tracker or Tracker()
        self.timings: dict[str, float] = {}
        self.left_out = 0
        self.detection_interval = detection_interval
        self._since_detection = detection_interval
        self._owns_worker = background_detection and worker is None
        self._worker = detection_thread() if self._owns_worker else worker
        self._pending: _Pending | None = None
        self._turns = _turns(estimator.detector) if outside is None else iter(())
        self.outside = outside
        self._expected: deque[tuple[float, list[tuple[Track, Floats]]]] = deque(maxlen=_REMEMBERED)
        self._stamp_s = -np.inf
        self._pose: Floats | None = None
        self._size = (0, 0)

    def __call__(
        self, image_bgr: Image, camera: Camera, stamp_s: float, motion: CameraMotion | None = None
    ) -> list[Person]:
        """Takes the next frame.

        Args:
            image_bgr: (height, width, 3) uint8 as the camera gave it.
            camera: that took it.
            stamp_s: when it was taken, seconds. A stamp that does not advance starts the tracks afresh.
            motion: of the camera; without, tracks are followed in the camera's frame as if it stood still.

        Returns:
            The people in this frame, with ids, velocities and smoothed ``joints3d``.

        Raises:
            ValueError: if the image is no colour image or not of the camera's size.
        """
        shots = {"": self.begin(Shot(image_bgr, camera, stamp_s, motion))}
        nearest, self.left_out = nearest_looks(shots, self.estimator.max_people)
        begun = nearest[""]
        if begun.looks:
            (people,) = self.estimator.estimate_many([(image_bgr, camera, begun.detections)])
            stages = {name: self.estimator.timings[name] for name in STAGES}
        else:
            people, stages = [], dict.fromkeys(STAGES, 0.0)
        tracked = time.perf_counter()
        reported = self.finish(begun, people)
        self.timings = {"detection": begun.seconds, **stages, "tracking": time.perf_counter() - tracked}
        return reported

    def begin(self, shot: Shot, alone: bool = True) -> Begun:
        """Where to look for people in the next frame; `finish` must follow, with who was found there.

        Args:
            shot: the frame.
            alone: whether nothing else waits for this, such as people whom another camera follows. Then, and while
                nobody is followed here, the frame waits for the detector, which otherwise works in the background.

        Raises:
            ValueError: if the image is no colour image or not of the camera's size.
        """
        image_bgr, camera, stamp_s, motion = shot.image_bgr, shot.camera, shot.stamp_s, shot.motion
        check_image(image_bgr, camera)
        start = time.perf_counter()
        if stamp_s <= self._stamp_s:
            self._forget_expected()
        if self._size != (camera.width, camera.height):
            # Another resolution: what was seen in px of the old one says nothing now, but people stand where they did.
            self._size = camera.width, camera.height
            self._forget_expected()
            self.tracker.look_through(camera)
        expected = self.tracker.expect(stamp_s, camera, self._moved(motion.now(stamp_s) if motion else None))
        if stamp_s - self._stamp_s > _PAUSE_S:
            self._since_detection = self.detection_interval
        if self.outside is None:
            found = self._detections(image_bgr, expected, may_wait=alone and not expected)
        else:
            found = self._from_outside(self.outside, stamp_s, camera, expected)
        # Without those that the detector has just given up; where a track has gone astray, the detector is believed.
        looks = [found.corrections.get(id(track), Look(box, track.person.score, track)) for track, box in expected]
        looks = [look for look in looks if look.track in self.tracker.tracks] + found.strangers
        return Begun(shot, looks, time.perf_counter() - start)

    def finish(self, begun: Begun, people: list[Person]) -> list[Person]:
        """Takes who was found where `begin` said to look; as `__call__` returns them."""
        stamp_s, motion = begun.shot.stamp_s, begun.shot.motion
        why = [next(look for look in begun.looks if np.array_equal(look.box, person.box)) for person in people]
        reported = self.tracker.update(people, stamp_s, why, self._moved(motion.at(stamp_s) if motion else None))
        self._stamp_s = stamp_s
        return reported

    def close(self) -> None:
        """Ends the detection thread, if it has one of its own."""
        if self._worker is not None and self._owns_worker:
            self._worker.shutdown(wait=False, cancel_futures=True)

    def _detections(self, image: Image, expected: list[tuple[Track, Floats]], may_wait: bool) -> _Found:
        """What the detector found; nothing when it did not look, or has not come back."""
        self._since_detection += 1
        doubtful = any(self._is_lost(track) or not track.id for track, _ in expected) and self._since_detection >= 2
        due = self._since_detection >= self.detection_interval or doubtful or not expected
        # With nobody to follow there is nothing else to do, so whoever comes in is found in this very frame.
        if self._worker is None or (self._pending is None and may_wait):
            if not due:
                return _Found([], {})
            self._since_detection = 0
            return self._compare(next(self._turns)(image), expected)
        found = _Found([], {})
        if self._pending is not None and (self._pending.is_due() or may_wait):
            pending, self._pending = self._pending, None
            found = self._compare(pending.detections.result(), pending.expected)
        if self._pending is None and due:
            self._since_detection = 0
            self._pending = _Pending(self._worker.submit(next(self._turns), image.copy()), expected)
        return found

    def _from_outside(
        self, outside: OutsideDetections, stamp_s: float, camera: Camera, expected: list[tuple[Track, Floats]]
    ) -> _Found:
        """What came from elsewhere, beside what was expected in the image that it is about."""
        self._expected.append((stamp_s, expected))
        came = outside.take()
        if came is None:
            return _Found([], {})
        # Not every image is looked at, so the one nearest in time stands for it.
        when, then = min(self._expected, key=lambda remembered: abs(remembered[0] - came[0]))
        if abs(when - came[0]) > _SAME_TIME_S:
            return _Found([], {})
        return self._compare(inside(came[1], camera.width, camera.height), then)

    def _forget_expected(self) -> None:
        """Whatever is detected in images that came before cannot be compared any more."""
        self._pending = None
        self._expected.clear()

    def _moved(self, pose: Floats | None) -> Floats | None:
        """The camera's pose, or the one before if it is not known for a moment."""
        if pose is not None:
            if self._pose is None:
                # What was followed so far is in the camera's frame.
                self.tracker.start_over()
            self._pose = pose
        return self._pose

    def _is_lost(self, track: Track) -> bool:
        """Whether the pose network did not find the track's person in the frame before."""
        return track.seen_s < self._stamp_s

    def _compare(self, detections: list[Detection], expected: list[tuple[Track, Floats]]) -> _Found:
        """Compares detections with the tracks' boxes of the same frame: who is new, who went astray, who is gone.

        A detection that overlaps a track, but not well, is somebody in front or behind as long as other detections
        agree with that track; otherwise the track's own box went astray.
        """
        boxes = np.array([detection.box for detection in detections]).reshape(-1, 4)
        shared = overlap(boxes, np.array([box for _, box in expected]).reshape(-1, 4))
        pairs = dict(zip(*(indices.tolist() for indices in linear_sum_assignment(shared, maximize=True)), strict=True))
        found = _Found([], {})
        agreed: dict[int, float] = {}
        for row, detection in enumerate(detections):
            column = pairs.get(row)
            common = 0.0 if column is None else shared[row, column]
            if column is None or common < _NEAR:
                apart = shared[row].max(initial=0) < _NEAR
                found.strangers.append(_look(detection, apart=apart))
                continue
            track, lost = expected[column][0], self._is_lost(expected[column][0])
            if common < _AGREED and not lost and not track.doubted:
                found.strangers.append(_look(detection, apart=False))
                continue
            agreed[column] = detection.score
            if lost or common < _AGREED:
                found.corrections[id(track)] = _look(detection, track)
        for column, (track, _) in enumerate(expected):
            if column in agreed:
                track.detections += agreed[column] >= self.tracker.birth_score
            track.unconfirmed = 0 if column in agreed else track.unconfirmed + 1
            if track.unconfirmed > _PATIENCE and not (track.hidden and self._is_lost(track)):
                self.tracker.forget(track)
        return found


def _look(detection: Detection, track: Track | None = None, apart: bool = True) -> Look:
    """What the detector has found is to be looked at."""
    return Look(detection.box, detection.score, track, detected=True, apart=apart, keypoints=detection.keypoints)
