"""Who of those in a frame is who of those before: the cheapest way to pair people with tracks."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.optimize import linear_sum_assignment

from metric_pose_ros.boxes import overlap
from metric_pose_ros.people import Person
from metric_pose_ros.track import MISJUDGED, Track, placed

Floats = npt.NDArray[np.floating]

_GATE = 4.0
"""Standard deviations from where a track is expected, beyond which somebody is somebody else."""
_VAGUE, _LOST = 0.1, 0.3
"""What it costs to take somebody for one of whose place less is known than of others', per unit of the covariance's log
determinant, or who was not seen in the frame before. A deviation of `_GATE` costs 1, as do boxes that do not touch."""


def pairs(people: list[Person], tracks: list[Track], stamp_s: float, pose: Floats | None) -> list[tuple[int, Track]]:
    """Which person continues which track: the cheapest assignment by distance in space and overlap in the image.

    The distance is Mahalanobis': depth is the least certain direction, and more so far away; whoever was not seen
    for longer may have walked further. By that alone whoever was lost fits best, since little is known of their
    place: so the rest of a normal distribution's likelihood counts, too, and that who was seen a moment ago will
    be seen again.

    Args:
        people: of the frame, in the camera's frame.
        tracks: that may go on.
        stamp_s: of the frame, seconds.
        pose: (4, 4) from the camera's frame to the tracking frame; the same if None.

    Returns:
        number of the person and the track, of each pair.
    """
    if not people or not tracks:
        return []
    where = [placed(person, pose, MISJUDGED) for person in people]
    positions, noise = (np.stack(values) for values in zip(*where, strict=True))
    expected = np.stack([track.position_at(stamp_s) for track in tracks])
    spread = np.stack([track.covariance_at(stamp_s) for track in tracks])
    off = (positions[:, None] - expected[None])[..., None]
    covariance = noise[:, None] + spread[None]
    distance = np.sqrt((off * np.linalg.solve(covariance, off)).sum(axis=(2, 3)))
    vague = np.linalg.slogdet(covariance)[1]
    vague -= vague.min(axis=1, keepdims=True)
    seen = np.stack([_bounds(person) for person in people])
    looked = [_bounds(track.person) if track.expected is None else track.expected for track in tracks]
    apart = 1 - overlap(seen, np.stack(looked))
    unnamed = np.array([0.0 if track.id else 0.5 for track in tracks])
    seen_s = np.array([track.seen_s for track in tracks])
    lost = seen_s < seen_s.max()
    cost = distance / _GATE + apart + unnamed + _VAGUE * vague + _LOST * lost
    metres = np.linalg.norm(off[..., 0], axis=2)
    far = np.linalg.norm([person.position for person in people], axis=1)
    waited = stamp_s - seen_s
    # Who was hidden for longer is looked for no further off: the next one there is more likely somebody else.
    reach = 0.3 + 3.0 * np.minimum(waited, 0.3) + MISJUDGED[0] * far[:, None]
    possible = ((distance < _GATE) & (metres < reach)) | ((apart < 0.5) & (metres < 2 * reach))
    rows, columns = linear_sum_assignment(np.where(possible, cost, 1e3))
    chosen = zip(rows.tolist(), columns.tolist(), strict=True)
    return [(row, tracks[column]) for row, column in chosen if possible[row, column]]


def _bounds(person: Person) -> Floats:
    return np.concatenate([person.joints2d.min(axis=0), person.joints2d.max(axis=0)])
