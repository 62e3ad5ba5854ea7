"""Who is who over frames: ids, velocities, smooth motion, and where to look next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt
from scipy.optimize import linear_sum_assignment

from metric_pose_ros.body_size import BodySize
from metric_pose_ros.detection import overlap
from metric_pose_ros.geometry.camera import Camera
from metric_pose_ros.people import Person

Floats = npt.NDArray[np.floating]

_FLESH_M = 0.08
"""How far the body reaches beyond its outermost joints, roughly."""
_SHRINKING_PER_S = 1.5
"""Rate at which a box may shrink: by 5 % from frame to frame at 30 Hz, to a fifth in a second."""


class OneEuroFilter:
    """Smooths slow motion strongly and fast motion little (Casiez, Roussel and Vogel 2012).

    Args:
        min_cutoff: Hz, how much is let through at rest; lower is smoother.
        beta: Hz per unit of speed, how much more is let through in motion; higher lags less.
        speed_cutoff: Hz, for the estimate of the speed.
    """

    def __init__(self, min_cutoff: float, beta: float, speed_cutoff: float = 1.0) -> None:
        self._min_cutoff = min_cutoff
        self._beta = beta
        self._speed_cutoff = speed_cutoff
        self._seen: Floats | None = None
        self._value: Floats | None = None
        self.speed: Floats | None = None

    def __call__(self, value: Floats, seconds: float) -> Floats:
        """Takes the next (..., D) value, `seconds` > 0 after the one before, and returns it smoothed.

        The cutoff follows the length of the speed over the last axis, so that a direction is not bent.
        """
        if self._seen is None or self._value is None or self.speed is None:
            self._seen, self._value, self.speed = value, value, np.zeros_like(value)
            return value
        self.speed = self.speed + _share(self._speed_cutoff, seconds) * ((value - self._seen) / seconds - self.speed)
        self._seen = value
        cutoff = self._min_cutoff + self._beta * np.linalg.norm(self.speed, axis=-1, keepdims=True)
        self._value = self._value + _share(cutoff, seconds) * (value - self._value)
        return self._value


def _share(cutoff: Floats | float, seconds: float) -> Floats | float:
    """How much of a new value a first-order low-pass of `cutoff` Hz takes over."""
    return 1 / (1 + 1 / (2 * np.pi * cutoff * seconds))


@dataclass(eq=False)
class Track:
    """One person over frames.

    Attributes:
        person: as last seen, unsmoothed, in the size of the frames so far.
        seen_s: stamp of that.
        where: smooths the pelvis.
        shape: smooths the joints about it.
        size: keeps the body's size.
        velocity: (3,) m/s of the pelvis.
        hits: frames in which the person was seen.
        id: ``p1``, ``p2``, ...; empty until the track is trusted.
        unconfirmed: detections in a row that did not find the person.
    """

    person: Person
    seen_s: float
    where: OneEuroFilter
    shape: OneEuroFilter
    size: BodySize = field(default_factory=BodySize)
    velocity: Floats = field(default_factory=lambda: np.zeros(3))
    hits: int = 0
    id: str = ""
    unconfirmed: int = 0

    def position_at(self, stamp_s: float) -> Floats:
        """(3,) m where the pelvis is at constant velocity; the guess stops after half a second."""
        return self.person.position + self.velocity * min(stamp_s - self.seen_s, 0.5)

    def box_at(self, stamp_s: float, camera: Camera) -> Floats:
        """(4,) xyxy px in which to look for the person: the body's visible bounds, moved along; never empty."""
        here, there = self.person.position, self.position_at(stamp_s)
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
    """

    box: Floats
    score: float
    track: Track | None = None
    detected: bool = False
    apart: bool = True


class Tracker:
    """Names people and smooths them.

    Args:
        birth_hits: frames a person must be seen in before being reported.
        sure_score: people whose box scores at least this are reported at once.
        death_s: seconds without being seen after which a person is forgotten.
        steady_hz: cutoff of the smoothing at rest; lower is smoother.
        lively: Hz more of cutoff per m/s; higher lags less.
    """

    def __init__(
        self,
        birth_hits: int = 3,
        sure_score: float = 0.4,
        death_s: float = 0.7,
        steady_hz: float = 1.5,
        lively: float = 2.0,
    ) -> None:
        self._birth_hits = birth_hits
        self._sure_score = sure_score
        self._death_s = death_s
        self._filter = (steady_hz, lively)
        self._named = 0
        self._stamp_s = -np.inf
        self.tracks: list[Track] = []

    def update(self, people: list[Person], stamp_s: float, looks: Sequence[Look] | None = None) -> list[Person]:
        """Takes the people of the next frame.

        Args:
            people: as estimated, in the frame of a camera that stands still, or a fixed frame.
            stamp_s: when the image was taken, seconds. A stamp that does not advance starts everything afresh (a clip
                that loops); ids are not used twice.

            looks: for each of the people, why they were looked for; as if all were detected far from others if not
                given. Who was seen only because a track said where may continue a track, but is no evidence for another
                person; where the detector corrects a track, that track continues however far the person is from it.

        Returns:
            The same people as far as they are trusted, each with id, velocity and smoothed ``joints3d``; ``joints2d``
            stays as seen.
        """
        if stamp_s <= self._stamp_s:
            self.tracks = []
        self._stamp_s = stamp_s
        self.tracks = [track for track in self.tracks if stamp_s - track.seen_s <= self._death_s]
        found = dict(self._pairs(people, stamp_s))
        reported = []
        for index, person in enumerate(people):
            look = Look(person.box, person.score, detected=True) if looks is None else looks[index]
            track = found.get(index)
            if track is None and look.track is not None:
                if not look.detected or look.track in found.values() or look.track not in self.tracks:
                    continue
                track = found[index] = look.track
            if track is None:
                track = Track(person, stamp_s, OneEuroFilter(*self._filter), OneEuroFilter(*self._filter))
                self.tracks.append(track)
            smooth = self._advance(track, person, stamp_s, look.apart)
            if track.id:
                reported.append(smooth)
        return reported

    def forget(self, track: Track) -> None:
        """Drops a track, for example when the detector keeps finding nobody there."""
        self.tracks = [other for other in self.tracks if other is not track]

    def _advance(self, track: Track, person: Person, stamp_s: float, apart: bool) -> Person:
        seconds = max(stamp_s - track.seen_s, 1e-3)
        person = track.size(person)
        pelvis = track.where(person.position, seconds)
        # The pose and its place move differently: a person who stands still may wave.
        joints = pelvis + track.shape(person.joints3d - person.position, seconds)
        track.velocity = np.zeros(3) if track.where.speed is None else track.where.speed
        track.person, track.seen_s = person, stamp_s
        track.hits += 1
        if not track.id and (track.hits >= self._birth_hits or (apart and person.score >= self._sure_score)):
            self._named += 1
            track.id = f"p{self._named}"
        return replace(person, joints3d=joints, id=track.id, velocity=track.velocity)

    def _pairs(self, people: list[Person], stamp_s: float) -> list[tuple[int, Track]]:
        """Which person continues which track: the cheapest assignment by distance in space and overlap in the image."""
        if not people or not self.tracks:
            return []
        positions = np.stack([person.position for person in people])
        expected = np.stack([track.position_at(stamp_s) for track in self.tracks])
        distance = np.linalg.norm(positions[:, None] - expected[None], axis=2)
        waited = np.array([stamp_s - track.seen_s for track in self.tracks])
        # Depth is the least certain direction, more so far away; a runner covers 3 m/s. Who was hidden for longer is
        # looked for no further off: the next one there is more likely somebody else.
        reach = 0.3 + 3.0 * np.minimum(waited, 0.3) + 0.07 * np.linalg.norm(expected, axis=1)
        seen = np.stack([_bounds(person) for person in people])
        apart = 1 - overlap(seen, np.stack([_bounds(track.person) for track in self.tracks]))
        unnamed = np.array([0.0 if track.id else 0.5 for track in self.tracks])
        cost = distance / reach + apart + unnamed
        possible = (distance < reach) | ((apart < 0.5) & (distance < 2 * reach))
        rows, columns = linear_sum_assignment(np.where(possible, cost, 1e3))
        chosen = zip(rows.tolist(), columns.tolist(), strict=True)
        return [(row, self.tracks[column]) for row, column in chosen if possible[row, column]]


def _bounds(person: Person) -> Floats:
    return np.concatenate([person.joints2d.min(axis=0), person.joints2d.max(axis=0)])
