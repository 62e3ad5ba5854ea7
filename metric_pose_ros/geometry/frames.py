"""Where coordinate frames are to each other over time: what /tf and /tf_static say, without tf2.

Pure NumPy, so that a command that reads bags has the same frames as a running node.
"""

from __future__ import annotations

import bisect
from collections import deque
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from transforms3d.quaternions import quat2mat

Floats = npt.NDArray[np.floating]

_FARTHEST_M = 1e9
"""Frames of the whole earth are nearer than that; numbers that are much larger lose themselves when multiplied."""
_MOST_FRAMES = 10_000
"""Whoever publishes ever new frames does not fill the memory: beyond, those heard of least lately are forgotten."""
STATIC = -np.inf
"""The stamp of a transform that always holds."""


class FramesError(LookupError):
    """Frames that are not connected, or not known at the time asked for; the message says which."""


class NotYetKnownError(FramesError):
    """Frames that are connected, but whose newest transform is older than the time asked for.

    Attributes:
        newest_s: the newest time for which the answer is known.
    """

    def __init__(self, text: str, newest_s: float) -> None:
        super().__init__(text)
        self.newest_s = newest_s


@dataclass(eq=False)
class _Link:
    """A child frame's way to its parent over time; stamps rise."""

    parent: str
    stamps: deque[float] = field(default_factory=deque)
    moves: deque[Floats] = field(default_factory=deque)
    turns: deque[Floats] = field(default_factory=deque)

    def at(self, stamp_s: float) -> tuple[Floats, Floats]:
        """(3,) translation and (4,) wxyz rotation, interpolated; the nearest ones outside what is kept."""
        after = bisect.bisect_left(self.stamps, stamp_s)
        if after == len(self.stamps):
            return self.moves[-1], self.turns[-1]
        if after == 0 or self.stamps[after] == stamp_s:
            return self.moves[after], self.turns[after]
        start, end = self.stamps[after - 1], self.stamps[after]
        share = (stamp_s - start) / (end - start)
        move = self.moves[after - 1] + share * (self.moves[after] - self.moves[after - 1])
        return move, _slerp(self.turns[after - 1], self.turns[after], share)


class Frames:
    """A tree of frames that is told transforms and asked for others.

    Args:
        keep_s: seconds of the past that can be asked for.
    """

    def __init__(self, keep_s: float = 10.0) -> None:
        self._keep_s = keep_s
        self._links: dict[str, _Link] = {}

    def add(self, parent: str, child: str, stamp_s: float, move: Floats, turn: Floats) -> None:
        """Notes a transform.

        Args:
            parent: frame.
            child: frame; with another parent than before, what was known of it is forgotten.
            stamp_s: seconds, or `STATIC`.
            move: (3,) metres, where the child's origin is in the parent.
            turn: (4,) wxyz, how the child is turned in the parent.

        Raises:
            ValueError: if the numbers are not finite or beyond a million kilometres, the rotation has no length, or
                there are too many frames that stand still.
        """
        length = float(np.linalg.norm(turn))
        if not (np.abs(move).max() <= _FARTHEST_M and np.isfinite(length)) or length < 1e-3:
            raise ValueError(f"the transform from {parent} to {child} is {move} and {turn}: no place and rotation")
        if child not in self._links and len(self._links) >= _MOST_FRAMES:
            self._forget_one(child)
        link = self._links.pop(child, None)
        if link is None or link.parent != parent or stamp_s == STATIC:
            link = _Link(parent)
        self._links[child] = link  # last, as heard of last
        where = bisect.bisect_left(link.stamps, stamp_s)
        if where < len(link.stamps) and link.stamps[where] == stamp_s:
            return
        link.stamps.insert(where, stamp_s)
        link.moves.insert(where, np.asarray(move, float))
        link.turns.insert(where, np.asarray(turn, float) / length)
        while link.stamps[-1] - link.stamps[0] > self._keep_s:
            for values in (link.stamps, link.moves, link.turns):
                values.popleft()

    def clear(self) -> None:
        """Forgets everything that moves, as when time starts over."""
        self._links = {child: link for child, link in self._links.items() if link.stamps[0] == STATIC}

    def forget(self, child: str, after_s: float) -> None:
        """Forgets where a frame that moves was, if that is known of a time after this one."""
        if child in self._links and self._links[child].stamps[-1] > after_s:
            del self._links[child]

    def pose(self, target: str, source: str, stamp_s: float) -> Floats:
        """(4, 4) that brings points from the source frame to the target frame, at a time.

        Raises:
            NotYetKnownError: if the newest transform on the way is older.
            FramesError: if there is no way, or the oldest transform that is kept is younger.
        """
        up, down = self._path(source), self._path(target)
        if up[-1] != down[-1]:
            names = ", ".join(sorted({*self._links, *(link.parent for link in self._links.values())})) or "none"
            raise FramesError(f"no transforms connect {source!r} with {target!r}; frames known are {names}")
        while len(up) > 1 and len(down) > 1 and up[-2] == down[-2]:
            up.pop()
            down.pop()
        links = [self._links[frame] for frame in (*up[:-1], *down[:-1])]
        moving = [link for link in links if link.stamps[0] != STATIC]
        newest = min((link.stamps[-1] for link in moving), default=np.inf)
        oldest = max((link.stamps[0] for link in moving), default=-np.inf)
        if stamp_s > newest:
            late = (
                f"the newest transform from {source!r} to {target!r} is {stamp_s - newest:.3f} s older than the image"
            )
            raise NotYetKnownError(late, newest)
        if stamp_s < oldest:
            raise FramesError(
                f"the oldest transform from {source!r} to {target!r} is {oldest - stamp_s:.3f} s younger than the image"
            )
        return np.linalg.inv(self._to_ancestor(down, stamp_s)) @ self._to_ancestor(up, stamp_s)

    def _forget_one(self, newcomer: str) -> None:
        """Forgets what moves and was not heard of for longest."""
        gone = next((child for child, link in self._links.items() if link.stamps[0] != STATIC), None)
        if gone is None:
            raise ValueError(f"the frame {newcomer} would be one of more than {_MOST_FRAMES} that stand still")
        del self._links[gone]

    def _path(self, frame: str) -> list[str]:
        """The frame, its parent, and so on to the root."""
        path = [frame]
        while path[-1] in self._links and len(path) <= len(self._links):
            path.append(self._links[path[-1]].parent)
        return path

    def _to_ancestor(self, path: list[str], stamp_s: float) -> Floats:
        """(4, 4) from the path's first frame to its last."""
        pose = np.eye(4)
        for frame in path[:-1]:
            move, turn = self._links[frame].at(stamp_s)
            step = np.eye(4)
            step[:3, :3], step[:3, 3] = quat2mat(turn), move
            pose = step @ pose
        return pose


def _slerp(start: Floats, end: Floats, share: float) -> Floats:
    """Between two unit quaternions (wxyz) along the shortest way (Shoemake 1985)."""
    cosine = float(start @ end)
    if cosine < 0:
        end, cosine = -end, -cosine
    angle = np.arccos(min(cosine, 1.0))
    if angle < 1e-6:
        return end
    return (np.sin((1 - share) * angle) * start + np.sin(share * angle) * end) / np.sin(angle)
