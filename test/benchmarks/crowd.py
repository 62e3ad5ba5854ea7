"""People who walk, stop, cross and hide each other, with the truth about them, as a pose network would see them.

The noise is what the shipped networks showed on the demo's clip, two views at 3.3 and 3.8 m, against four calibrated
views: along the ray a lasting 5 %, a slow 5.5 % (for some 0.2 s) and 1.8 % from frame to frame; across it a slow
0.6 % and 0.2 %; each joint about the pelvis 25 mm slowly and 20 mm from frame to frame. They say 30 mm across and 50 mm
along of themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from metric_pose_ros import Camera
from metric_pose_ros.detection import overlap
from metric_pose_ros.people import Detection, Person
from metric_pose_ros.skeleton import BODY_30
from test.fake_models import STANDING_MM

Floats = npt.NDArray[np.floating]

CAMERA = Camera.from_fov(1280, 720, 70.0)
RATE_HZ = 30.0
PELVIS_M = 0.25
"""How far below the camera people's hips are, on a level floor."""
_STRIDE_M = 1.4
_SLOW_S = 0.2
_SEEN_AT = 3.5
"""Metres at which the noise was measured."""
_LEAST_DETECTED, _SURELY_DETECTED = 0.3, 0.6
"""Share of the joints in view from which the detector finds somebody now and then, or mostly."""


@dataclass(frozen=True)
class Walk:
    """A way over the floor: at constant pace from point to point, with pauses.

    Attributes:
        points: (x, z) metres in the camera's frame.
        pace: m/s.
        pauses: seconds of standing at each point.
        starts: seconds of standing before the first.
    """

    points: tuple[tuple[float, float], ...]
    pace: float = 1.2
    pauses: tuple[float, ...] = ()
    starts: float = 0.0

    def places(self, seconds: Floats) -> Floats:
        """(T, 2) x and z at (T,) times."""
        times, places = [0.0], [self.points[0]]
        now = self.starts
        for index, point in enumerate(self.points):
            if index:
                now += float(np.linalg.norm(np.subtract(point, self.points[index - 1]))) / self.pace
            times.append(now)
            now += self.pauses[index] if index < len(self.pauses) else 0.0
            times.append(now + 1e-6)
            places += [point, point]
        return np.stack([np.interp(seconds, times, axis) for axis in np.transpose(places)], axis=1)


@dataclass(frozen=True, eq=False)
class Scene:
    """What happens in front of the camera.

    Attributes:
        name: of the scene.
        joints3d: (T, P, 30, 3) metres, the truth.
        visible: (T, P) share of the joints that are in the image and not hidden by somebody nearer.
        joints2d: (T, P, 30, 2) px.
        seen: (T, P, 4) xyxy px around the visible joints; NaN if there are none.
        seed: of the noise.
    """

    name: str
    joints3d: Floats
    visible: Floats
    joints2d: Floats
    seen: Floats
    seed: int

    def __len__(self) -> int:
        return len(self.joints3d)


def scene(name: str, walks: Sequence[Walk], seconds: float, seed: int) -> Scene:
    """The scene of people on their ways."""
    times = np.arange(0, seconds, 1 / RATE_HZ)
    joints3d = np.stack([_walking(walk.places(times), walk.pace) for walk in walks], axis=1)
    count = len(walks)
    joints2d = CAMERA.project(joints3d.reshape(-1, 3)).reshape(len(times), count, -1, 2)
    hidden = np.zeros(joints2d.shape[:3], bool)
    bounds = np.concatenate([joints2d.min(axis=2), joints2d.max(axis=2)], axis=-1)
    # Somebody's outline is narrower than the box around them.
    slim = bounds + np.array([0.2, 0, -0.2, 0]) * (bounds[..., 2:3] - bounds[..., :1])
    depth = joints3d[:, :, 0, 2]
    for near in range(count):
        inside = (joints2d >= slim[:, near, None, None, :2]) & (joints2d <= slim[:, near, None, None, 2:])
        hidden |= inside.all(axis=3) & (depth > depth[:, near, None] + 0.1)[..., None]
    outside = ((joints2d < 0) | (joints2d >= [CAMERA.width, CAMERA.height])).any(axis=3)
    in_view = ~(hidden | outside)
    low = np.where(in_view[..., None], joints2d, np.inf).min(axis=2)
    high = np.where(in_view[..., None], joints2d, -np.inf).max(axis=2)
    seen = np.where(in_view.any(axis=2)[..., None], np.concatenate([low, high], axis=-1), np.nan)
    return Scene(name, joints3d, in_view.mean(axis=2), joints2d, seen, seed)


def scenes(seed: int = 0) -> list[Scene]:
    """Crossings, somebody hidden for a while, stops and turns, a group, and five who come and go."""
    random = np.random.default_rng(seed)

    def near(value: float) -> float:
        return float(value + random.uniform(-0.25, 0.25))

    def crossing() -> list[Walk]:
        near_z, far_z = near(3.5), near(4.6)
        return [Walk(((-2.2, near_z), (2.2, near_z)), near(1.2)), Walk(((2.6, far_z), (-2.6, far_z)), near(1.2))]

    def hidden() -> list[Walk]:
        # The second stops for two seconds behind the first, and goes back or on.
        back = bool(random.integers(2))
        far_z = near(5.2)
        ways = ((-2.5, far_z), (0.0, far_z), (-2.5 if back else 2.5, far_z))
        return [Walk(((0.0, 3.2), (0.01, 3.2)), 1.0), Walk(ways, near(1.2), (0.5, near(1.5)))]

    def meeting() -> list[Walk]:
        # They meet, talk, and part as they came, or pass each other.
        z, gap = near(4.0), 0.35
        turned = bool(random.integers(2))
        first = ((-2.0, z), (-gap, z), (-2.0, z) if turned else (2.0, z - 0.5))
        second = ((2.0, z), (gap, z), (2.0, z) if turned else (-2.0, z + 0.5))
        return [Walk(first, near(1.1), (0.5, 2.0)), Walk(second, near(1.1), (0.5, 2.0))]

    def group() -> list[Walk]:
        z = near(4.5)
        return [Walk(((-2.5 + 0.7 * i, z + 0.8 * i), (1.2 + 0.7 * i, z + 0.8 * i)), 1.0) for i in range(3)]

    def towards() -> list[Walk]:
        return [Walk(((near(0.0), 7.0), (near(0.3), 2.5)), 1.2), Walk(((near(-0.6), 3.0), (near(0.0), 8.0)), 1.3)]

    def many() -> list[Walk]:
        walks = []
        for _ in range(5):
            points = tuple((float(random.uniform(-2.5, 2.5)), float(random.uniform(3, 8))) for _ in range(5))
            pauses = tuple(float(random.choice([0.0, 0.0, 1.5])) for _ in range(5))
            walks.append(Walk(points, near(1.0), pauses))
        return walks

    makers: dict[str, Callable[[], list[Walk]]] = {
        "crossing": crossing, "hidden": hidden, "meeting": meeting, "group": group, "towards": towards, "many": many,
    }  # fmt: skip
    return [scene(name, make(), 8.0, seed) for name, make in makers.items()]


@dataclass(eq=False)
class SeesCrowd:
    """A pose estimator that sees a scene with the networks' noise; the image's first pixel says which frame it is.

    Attributes:
        scene: that is looked at.
        detector: finds who is not too hidden.
        timings: all zero.
        looks: how many crops were looked at so far.
        max_people: that are looked at, at most.
    """

    scene: Scene
    timings: dict[str, float] = field(default_factory=lambda: dict.fromkeys(("crop", "network", "placement"), 0.0))
    looks: int = 0
    max_people: int = 100

    def __post_init__(self) -> None:
        self.detector = self._detect
        self.seen = _estimates(self.scene)
        self._image = np.zeros((CAMERA.height, CAMERA.width, 3), np.uint8)

    def image(self, frame: int) -> npt.NDArray[np.uint8]:
        """The picture of a frame."""
        self._image[0, 0] = frame % 256, frame // 256, 0
        return self._image

    def estimate_many(
        self, frames: Sequence[tuple[npt.NDArray[np.uint8], Camera, Sequence[Detection]]]
    ) -> list[list[Person]]:
        """The person who fills each box best; whoever fills several is seen in the best one."""
        return [self._estimate(image, detections) for image, _, detections in frames]

    def _estimate(self, image: npt.NDArray[np.uint8], detections: Sequence[Detection]) -> list[Person]:
        boxes = np.array([detection.box for detection in detections])
        frame = _frame(image)
        self.looks += len(boxes)
        there = np.flatnonzero(self.scene.visible[frame] > 0.15)
        if not len(there):
            return []
        shared = overlap(boxes, self.scene.seen[frame, there]) * self.scene.visible[frame, there]
        chosen: dict[int, tuple[float, int]] = {}
        for row, (person, filled) in enumerate(zip(shared.argmax(axis=1), shared.max(axis=1), strict=True)):
            if filled > max(0.2, chosen.get(there[person], (0.0, 0))[0]):
                chosen[int(there[person])] = (float(filled), row)
        return [self._person(frame, person, boxes[row], detections[row].score) for person, (_, row) in chosen.items()]

    def whose(self, frame: int, person: Person) -> int:
        """Which person of the scene somebody reported in this frame is: 2D joints stay as they were seen."""
        return int(np.abs(CAMERA.project(self.seen[frame, :, 0]) - person.joints2d[0]).sum(axis=1).argmin())

    def _person(self, frame: int, who: int, box: Floats, score: float) -> Person:
        joints3d = self.seen[frame, who]
        hidden = 1 - self.scene.visible[frame, who]
        scale = (1 + 2 * hidden) * np.linalg.norm(joints3d[0]) / _SEEN_AT
        return Person(
            joints3d=joints3d,
            joints2d=CAMERA.project(joints3d),
            std=np.tile(np.array([0.03, 0.03, 0.05]) * scale, (30, 1)),
            confidence=np.full(30, 0.95),
            box=box,
            score=score,
            skeleton=BODY_30,
        )

    def _detect(self, image: npt.NDArray[np.uint8]) -> list[Detection]:
        frame = _frame(image)
        random = np.random.default_rng((self.scene.seed, frame))
        found = []
        for who, visible in enumerate(self.scene.visible[frame]):
            chance = np.interp(visible, [_LEAST_DETECTED, _SURELY_DETECTED], [0.0, 0.95])
            box = self.scene.seen[frame, who]
            shake = random.normal(0, 0.03, 4) * np.tile(box[2:] - box[:2], 2)
            score = float(random.uniform(0.3, 0.8))
            if random.uniform() < chance:
                found.append(Detection(np.clip(box + shake, 0, np.tile([CAMERA.width, CAMERA.height], 2)), score))
        return found


def _frame(image: npt.NDArray[np.uint8]) -> int:
    return int(image[0, 0, 0]) + 256 * int(image[0, 0, 1])


def _walking(places: Floats, pace: float) -> Floats:
    """(T, 30, 3) metres: somebody on a (T, 2) way over the floor, with swinging limbs."""
    steps = np.gradient(places, axis=0)
    walked = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(places, axis=0), axis=1))])
    moving = np.clip(np.linalg.norm(steps, axis=1) * RATE_HZ / pace, 0, 1)
    swing = 0.45 * np.sin(2 * np.pi * walked / _STRIDE_M) * moving
    # Whoever stands still keeps looking where they went; to begin with, at the camera.
    heading = np.zeros(len(places))
    for frame in range(len(places)):
        if moving[frame] > 0.1:
            heading[frame] = np.arctan2(steps[frame, 0], -steps[frame, 1])
        elif frame:
            heading[frame] = heading[frame - 1]
    rest = STANDING_MM.astype(float) / 1000
    index = BODY_30.names.index
    for side, sign in (("left", 1), ("right", -1)):  # arms down
        _turn(rest[None], index(f"{side}_shoulder"), _limb(side, "elbow", "wrist", "hand"), 2, np.array([sign * 1.0]))
    body = np.repeat(rest[None], len(places), axis=0)
    for side, sign in (("left", 1), ("right", -1)):
        _turn(body, index(f"{side}_hip"), _limb(side, "knee", "ankle", "foot"), 0, sign * swing)
        _turn(body, index(f"{side}_shoulder"), _limb(side, "elbow", "wrist", "hand"), 0, -sign * swing)
    _turn(body, 0, list(range(30)), 1, -heading)
    return body + np.stack([places[:, 0], np.full(len(places), PELVIS_M), places[:, 1]], axis=1)[:, None]


def _limb(side: str, *joints: str) -> list[int]:
    return [BODY_30.names.index(f"{side}_{joint}") for joint in joints]


def _turn(body: Floats, about: int, joints: list[int], axis: int, angles: Floats) -> None:
    """Turns joints of a (T, 30, 3) body about another one and an axis of the camera, in place."""
    first, second = [other for other in range(3) if other != axis]
    centre = body[:, about, None].copy()
    offset = body[:, joints] - centre
    cosine, sine = np.cos(angles)[:, None], np.sin(angles)[:, None]
    turned = offset.copy()
    turned[..., first] = cosine * offset[..., first] - sine * offset[..., second]
    turned[..., second] = sine * offset[..., first] + cosine * offset[..., second]
    body[:, joints] = centre + turned


def _estimates(scene: Scene) -> Floats:
    """(T, P, 30, 3) metres: the truth with the networks' noise."""
    random = np.random.default_rng((scene.seed, 1))
    frames, people = scene.visible.shape
    worse = 1 + 2 * (1 - scene.visible[..., None])
    along = 0.05 * random.normal(size=(1, people, 1)) + worse * (
        0.055 * _slow(random, (frames, people, 1)) + 0.018 * random.normal(size=(frames, people, 1))
    )
    across = worse * (0.006 * _slow(random, (frames, people, 2)) + 0.002 * random.normal(size=(frames, people, 2)))
    distance = np.linalg.norm(scene.joints3d[:, :, 0], axis=-1)[..., None, None]
    joints = (
        (0.025 * _slow(random, scene.joints3d.shape) + 0.02 * random.normal(size=scene.joints3d.shape))
        * worse[..., None]
        * distance
        / _SEEN_AT
    )
    joints[:, :, 0] = 0
    # Who is placed too far is taken for larger in half of it; the rest is distance alone.
    size = 1 + along[..., None] / 2
    seen = (scene.joints3d + joints) * size
    seen += scene.joints3d[:, :, :1] * along[..., None] / 2
    seen[..., :2] += across[:, :, None] * distance
    return seen


def _slow(random: np.random.Generator, shape: tuple[int, ...]) -> Floats:
    """Noise of unit variance along the first axis that forgets within `_SLOW_S`."""
    kept = np.exp(-1 / (_SLOW_S * RATE_HZ))
    values = random.normal(size=shape)
    for frame in range(1, shape[0]):
        values[frame] = kept * values[frame - 1] + np.sqrt(1 - kept**2) * values[frame]
    return values
