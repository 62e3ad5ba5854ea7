"""Who is where in clips that nobody has labelled: a detector's boxes, put together over frames.

``boxes.json`` beside this file is made by ``python -m training.domain_gap.courses``, so that all models, today's and
next year's, are told to look at the same places whatever the detector says by then.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy.ndimage import uniform_filter1d
from scipy.optimize import linear_sum_assignment

from metric_pose_ros.boxes import overlap

Floats = npt.NDArray[np.floating]

FILE = Path(__file__).with_name("boxes.json")
_SAME = 0.3
"""Overlap with the box before from which they are of the same person."""
_SMOOTH = 5
"""Frames that boxes are averaged over, so that their trembling is not taken for the model's."""


@dataclass(frozen=True, eq=False)
class Course:
    """One person over successive frames.

    Attributes:
        start: number of the first frame.
        boxes: (frames, 4) xyxy px.
    """

    start: int
    boxes: Floats

    def __len__(self) -> int:
        return len(self.boxes)


@dataclass(eq=False)
class _Growing:
    frames: list[int] = field(default_factory=list)
    boxes: list[Floats] = field(default_factory=list)


def follow(detections: dict[int, Floats], gap: int, least_frames: int, least_px: float) -> list[Course]:
    """Puts boxes together to courses, the longest first.

    Args:
        detections: (N, 4) xyxy px by the number of the frame, in rising order.
        gap: frames between two boxes of a person, at most; the box is taken to move evenly meanwhile.
        least_frames: of a course.
        least_px: of the height of its boxes, in the median.
    """
    growing: list[_Growing] = []
    for frame, boxes in detections.items():
        alive = [course for course in growing if frame - course.frames[-1] <= gap]
        last = np.array([course.boxes[-1] for course in alive]).reshape(-1, 4)
        shared = overlap(np.asarray(boxes, float).reshape(-1, 4), last)
        taken = set()
        for row, column in zip(*linear_sum_assignment(shared, maximize=True), strict=True):
            if shared[row, column] >= _SAME:
                taken.add(int(row))
                alive[column].frames.append(frame)
                alive[column].boxes.append(boxes[row])
        growing += [_Growing([frame], [box]) for row, box in enumerate(boxes) if row not in taken]
    courses = [_whole(course) for course in growing]
    large = [course for course in courses if np.median(course.boxes[:, 3] - course.boxes[:, 1]) >= least_px]
    return sorted((course for course in large if len(course) >= least_frames), key=lambda course: -len(course))


def _whole(course: _Growing) -> Course:
    frames = np.arange(course.frames[0], course.frames[-1] + 1)
    boxes = np.stack([np.interp(frames, course.frames, side) for side in np.array(course.boxes).T], axis=1)
    return Course(course.frames[0], uniform_filter1d(boxes, _SMOOTH, axis=0, mode="nearest"))


def stored_courses() -> dict[str, list[Course]]:
    """The people of each clip in `FILE`, by the clip's name."""
    content = json.loads(FILE.read_text(encoding="utf-8"))
    return {
        name: [Course(one["start"], np.array(one["boxes"], float)) for one in courses]
        for name, courses in content.items()
    }


def store(courses: dict[str, list[Course]]) -> None:
    """Writes `FILE`, px rounded."""
    content = {
        name: [{"start": course.start, "boxes": course.boxes.round().astype(int).tolist()} for course in found]
        for name, found in courses.items()
    }
    FILE.write_text(json.dumps(content, separators=(",", ":")) + "\n", encoding="utf-8")


def main() -> None:
    """Finds the people of all clips with MoveNet and writes `FILE`."""
    from metric_pose_ros.detection import open_detector
    from training.domain_gap.clips import CUTS

    detector = open_detector("movenet", 1)
    found = {}
    for cut in CUTS:
        detections = {
            number: np.array([person.box for person in detector(image)]).reshape(-1, 4)
            for number, image in cut.frames(cut.file())
            if (number - cut.first) % cut.looked_at == 0
        }
        found[cut.name] = follow(detections, 2 * cut.looked_at, cut.least_frames, cut.least_px)
        print(f"{cut.name}: {[(course.start, len(course)) for course in found[cut.name]]}", flush=True)
    store(found)


if __name__ == "__main__":
    main()
