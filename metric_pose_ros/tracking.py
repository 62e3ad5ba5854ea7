"""Who is who over frames: ids, velocities, smooth motion, and where to look next."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import count

import numpy as np
import numpy.typing as npt

from metric_pose_ros.geometry.camera import Camera
from metric_pose_ros.motion import OneEuroFilter, WalkingFilter
from metric_pose_ros.people import Person
from metric_pose_ros.track import MISJUDGED, Look, Track, placed, to_camera
from metric_pose_ros.who_is_who import pairs

Floats = npt.NDArray[np.floating]

_TREMBLING = (0.05, 0.03)
"""Of the distance, one standard deviation along the ray and across it, added for smoothing: the network's own says
little about the distance."""
_PAUSE_S = 3.0
"""Longest time between two frames over which whoever was seen in the first is looked for in the second: a machine that
is too slow for people has few frames, and would otherwise know nobody from one to the next."""
_APART_M = 0.45
"""Whoever is expected no further beside the line of sight to somebody nearer is hidden behind them."""


class Tracker:
    """Names people and smooths them.

    Where people walk is followed in a frame that stands still, if it is known where the camera is in it; otherwise in
    the camera's own.

    Args:
        birth_hits: frames a person must be seen in before being reported.
        birth_detections: how often the detector must have found the person before that. The pose network sees a person
            in nearly every box, so a box between two people would confirm itself.
        birth_score: least score of a detection that counts for that; lower ones only keep tracks alive. Things that are
            taken for people score little, again and again.
        sure_score: people whose box scores at least this are reported at once, if nobody else is near in the image.
        death_s: seconds without being seen after which a person is forgotten.
        hidden_s: the same for whoever is behind somebody else.
        steady_hz: cutoff of the smoothing of the pose at rest; lower is smoother.
        lively: Hz more of cutoff per m/s; higher lags less.
        numbers: that ids end in; trackers of several cameras share them, so that no id is used twice.
    """

    def __init__(
        self,
        birth_hits: int = 3,
        birth_detections: int = 2,
        birth_score: float = 0.32,
        sure_score: float = 0.4,
        death_s: float = 0.7,
        hidden_s: float = 3.0,
        steady_hz: float = 1.5,
        lively: float = 2.0,
        numbers: Iterator[int] | None = None,
    ) -> None:
        self._birth_hits = birth_hits
        self._birth_detections = birth_detections
        self.birth_score = birth_score
        self._sure_score = sure_score
        self._death_s = death_s
        self._hidden_s = hidden_s
        self._filter = (steady_hz, lively)
        self._numbers = count(1) if numbers is None else numbers
        self._stamp_s = -np.inf
        self.tracks: list[Track] = []

    def expect(self, stamp_s: float, camera: Camera, pose: Floats | None = None) -> list[tuple[Track, Floats]]:
        """Where to look for whom in the next frame: tracks, each with a (4,) xyxy px box.

        Args:
            stamp_s: when the image was taken. One that does not advance starts everything afresh.
            camera: that took it.
            pose: (4, 4) from the camera's frame to the tracking frame, as far as known; the same by default.
        """
        self._start_over_if_back(stamp_s)
        for track in self.tracks:
            track.expected = track.box_at(stamp_s, camera, pose)
            # One that the detector does not see would confirm itself, were the others painted over for its sake.
            track.expected_joints = track.joints_at(stamp_s, pose) if not track.doubted else None
        return [
            (track, track.expected)
            for track in self.tracks
            if track.expected is not None and self._is_remembered(track, stamp_s, self._death_s)
        ]

    def update(
        self,
        people: list[Person],
        stamp_s: float,
        looks: Sequence[Look] | None = None,
        pose: Floats | None = None,
    ) -> list[Person]:
        """Takes the people of the next frame.

        Args:
            people: as estimated, in the camera's frame.
            stamp_s: when the image was taken, seconds. A stamp that does not advance starts everything afresh (a clip
                that loops); ids are not used twice.
            looks: for each of the people, why they were looked for; as if all were detected far from others if not
                given. Who was seen only because a track said where may continue a track, but is no evidence for another
                person; where the detector corrects a track, that track continues however far the person is from it.
            pose: (4, 4) from the camera's frame to the tracking frame; the same by default.

        Returns:
            The same people as far as they are trusted, each with id, velocity and smoothed ``joints3d``, all in the
            camera's frame; ``joints2d`` stays as seen. Velocities are those against the tracking frame.
        """
        self._start_over_if_back(stamp_s)
        self.tracks = [track for track in self.tracks if self._is_remembered(track, stamp_s, self._memory_s(track))]
        self._stamp_s = stamp_s
        found = dict(pairs(people, self.tracks, stamp_s, pose))
        reported = []
        for index, person in enumerate(people):
            look = Look(person.box, person.score, detected=True) if looks is None else looks[index]
            track = found.get(index)
            if track is None and look.track is not None:
                if not look.detected or look.track in found.values() or look.track not in self.tracks:
                    continue
                track = found[index] = look.track
            if track is None:
                position, covariance = placed(person, pose, MISJUDGED)
                motion = WalkingFilter(position, covariance)
                track = Track(person, stamp_s, motion, OneEuroFilter(*self._filter))
                self.tracks.append(track)
            if look.detected and look.track is None and person.score >= self.birth_score:
                track.detections += 1
            sure = look.detected and look.apart and person.score >= self._sure_score
            smooth = self._advance(track, person, stamp_s, sure, pose)
            if track.id:
                reported.append(smooth)
        for track in self.tracks:
            track.missed = track.seen_s < stamp_s
        self._note_who_is_hidden(stamp_s, pose)
        return reported

    @property
    def smoothing(self) -> tuple[float, float]:
        """``steady_hz`` and ``lively``; a change counts from the next frame on, for whoever is followed already too."""
        return self._filter

    @smoothing.setter
    def smoothing(self, values: tuple[float, float]) -> None:
        self._filter = values
        for track in self.tracks:
            track.shape.min_cutoff, track.shape.beta = values

    def forget(self, track: Track) -> None:
        """Drops a track, for example when the detector keeps finding nobody there."""
        self.tracks = [other for other in self.tracks if other is not track]

    def look_through(self, camera: Camera) -> None:
        """Moves what was seen in px to where a camera of another image size or lens would have seen it."""
        for track in self.tracks:
            joints2d = camera.project(track.person.joints3d)
            if np.isfinite(joints2d).all():
                box = np.concatenate([joints2d.min(axis=0), joints2d.max(axis=0)])
                track.person = replace(track.person, joints2d=joints2d, box=box)

    def start_over(self) -> None:
        """Drops every track; ids are not used twice."""
        self.tracks = []
        self._stamp_s = -np.inf

    def _start_over_if_back(self, stamp_s: float) -> None:
        if stamp_s <= self._stamp_s:
            self.start_over()

    def _is_remembered(self, track: Track, stamp_s: float, memory_s: float) -> bool:
        """Whether a track was seen recently enough, or in the frame before if that is not too long ago."""
        return stamp_s - track.seen_s <= (max(memory_s, _PAUSE_S) if track.seen_s == self._stamp_s else memory_s)

    def _memory_s(self, track: Track) -> float:
        return self._hidden_s if track.hidden and track.id else self._death_s

    def _advance(self, track: Track, person: Person, stamp_s: float, sure: bool, pose: Floats | None) -> Person:
        seconds = max(stamp_s - track.seen_s, 1e-3)
        turn = np.eye(3) if pose is None else pose[:3, :3]
        about = (person.joints3d - person.position) @ turn.T
        person, was_swapped = track.sides(person, about, track.shape.value, seconds)
        if was_swapped:
            track.shape = OneEuroFilter(*self._filter)
        person = track.size(person)
        position, covariance = placed(person, pose, _TREMBLING)
        if track.hits:
            track.motion.correct(seconds, position, covariance)
        # The pose and its place move differently: a person who stands still may wave.
        shape = track.shape((person.joints3d - person.position) @ turn.T, seconds)
        joints: Floats = to_camera(track.motion.position, pose) + shape @ turn
        if _is_swung_behind(joints, person.joints3d):
            # Whoever comes near that fast is where the network says, and not where they were bound for.
            track.motion, track.shape = WalkingFilter(position, covariance), OneEuroFilter(*self._filter)
            joints = person.joints3d
        track.person, track.seen_s = person, stamp_s
        track.hits += 1
        confirmed = track.hits >= self._birth_hits and track.detections >= self._birth_detections
        if not track.id and (confirmed or sure):
            track.id = f"p{next(self._numbers)}"
        return replace(person, joints3d=joints, id=track.id, velocity=turn.T @ track.motion.velocity)

    def _note_who_is_hidden(self, stamp_s: float, pose: Floats | None) -> None:
        """Of those who are not seen now, who is expected behind whom."""
        seen = [track.person.position for track in self.tracks if track.seen_s == stamp_s]
        for track in self.tracks:
            if track.seen_s == stamp_s:
                track.hidden = False
                continue
            place = to_camera(track.position_at(stamp_s), pose)
            distance = math.sqrt(place @ place)
            ray = place / max(distance, 1e-6)
            before = (
                0 < other @ ray < distance and np.linalg.norm(other - (other @ ray) * ray) < _APART_M for other in seen
            )
            # Whoever walks behind somebody may stop there, so being expected beyond is no reason to be forgotten.
            track.hidden = track.hidden or any(before)


def _is_swung_behind(smooth: Floats, seen: Floats) -> bool:
    """Whether smoothing (J, 3) m in the camera's frame put joints behind the camera that were seen before it."""
    return not bool(((smooth[:, 2] > 0) | (seen[:, 2] <= 0)).all() and np.isfinite(smooth).all())
