"""Images that come out of order, and cameras whose clock jumps."""

from __future__ import annotations

from metric_pose_ros.complaints import Complaints

_LATE_S = 1.0
"""An image that is older than the last by no more is late; by more, the clock has jumped, or a clip begins anew."""
_MOST_LATE = 10
"""Late images in a row after which the clock has jumped back all the same, or stands still."""


class Order:
    """Lets the images of a camera through in the order of their stamps.

    A late image would say where people were, after it was said where they are; and everybody would be followed afresh.

    Args:
        topic: of the images, for texts.
        complaints: about clocks that jump.
    """

    def __init__(self, topic: str, complaints: Complaints) -> None:
        self._topic, self._complaints = topic, complaints
        self._newest_s = float("-inf")
        self._late = 0

    def check(self, stamp_s: float) -> None:
        """Takes the stamp of the next image, in seconds.

        Raises:
            ValueError: if the image is late: it is not to be used.
        """
        behind_s = self._newest_s - stamp_s
        if 0 <= behind_s <= _LATE_S and self._late < _MOST_LATE:
            self._late += 1
            raise ValueError(
                f"an image on {self._topic} is {behind_s:.3f} s older than the one before and is left out: do two "
                "publishers share the topic, or is an image published twice?"
            )
        if behind_s >= 0:
            self._complaints.warning(
                f"the stamps of the images on {self._topic} jump back by {behind_s:.3f} s: people are followed afresh"
            )
        self._newest_s, self._late = stamp_s, 0
