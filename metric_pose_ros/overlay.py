"""People drawn into the image: bones by side, joints by confidence, a label with who and how far."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from metric_pose_ros.people import Person

Image = npt.NDArray[np.uint8]

LEFT_BGR = (80, 160, 255)
RIGHT_BGR = (255, 170, 60)
MIDDLE_BGR = (120, 230, 120)
_SURE_BGR = np.array([255.0, 255.0, 255.0])
_UNSURE_BGR = np.array([60.0, 60.0, 220.0])


def draw(image_bgr: Image, people: list[Person], least_confidence: float = 0.1) -> Image:
    """Draws skeletons on a copy of the image.

    Args:
        image_bgr: (height, width, 3) uint8.
        people: with ``joints2d`` in px of this image.
        least_confidence: joints below, and their bones, are left out.

    Returns:
        (height, width, 3) uint8. Bones of the person's left side are orange, of the right side blue, others green;
        joints go from red (unsure) to white (sure).
    """
    canvas = image_bgr.copy()
    for person in people:
        _draw_person(canvas, person, least_confidence)
    return canvas


def side_colour(name: str) -> tuple[int, int, int]:
    """BGR of a joint's side of the body, by its name."""
    if name.startswith("left_"):
        return LEFT_BGR
    return RIGHT_BGR if name.startswith("right_") else MIDDLE_BGR


def _draw_person(canvas: Image, person: Person, least_confidence: float) -> None:
    # Line widths follow the person's size in the image, so that far people stay readable; drawing is in 1/16 px.
    low, high = person.joints2d.min(axis=0), person.joints2d.max(axis=0)
    width = max(1, min(6, round(float((high - low).max()) / 120)))
    limit = 4.0 * max(canvas.shape[:2])
    points = [tuple(round(float(value) * 16) for value in np.clip(joint, -limit, limit)) for joint in person.joints2d]
    shown = person.confidence >= least_confidence
    for parent, child in person.skeleton.edges:
        if shown[parent] and shown[child]:
            colour = side_colour(person.skeleton.names[child])
            cv2.line(canvas, points[parent], points[child], colour, width, cv2.LINE_AA, 4)
    for point, confidence, visible in zip(points, person.confidence, shown, strict=True):
        if visible:
            shade = (_UNSURE_BGR + confidence * (_SURE_BGR - _UNSURE_BGR)).tolist()
            cv2.circle(canvas, point, (width + 1) * 16, shade, -1, cv2.LINE_AA, 4)
    distance = float(np.linalg.norm(person.position))
    _draw_label(canvas, f"{person.id or 'person'} {distance:.1f} m", (int(low[0]), int(low[1]) - 8))


def _draw_label(canvas: Image, text: str, corner: tuple[int, int]) -> None:
    """Text on a dark plate with its lower left corner at `corner`, moved into the image."""
    size = max(0.5, canvas.shape[0] / 1400)
    (width, height), baseline = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, size, 1)
    x = int(np.clip(corner[0], 0, max(canvas.shape[1] - width - 1, 0)))
    y = int(np.clip(corner[1], height + 2, max(canvas.shape[0] - baseline - 1, height + 2)))
    cv2.rectangle(canvas, (x, y - height - 2), (x + width, y + baseline), (30, 30, 30), -1)
    cv2.putText(canvas, text, (x, y), cv2.FONT_HERSHEY_SIMPLEX, size, (255, 255, 255), 1, cv2.LINE_AA)
