"""Late images are left out; clocks that jump or stand still are followed."""

from __future__ import annotations

import pytest

from metric_pose_ros.complaints import Complaints
from metric_pose_ros.messages.order import Order
from test.test_complaints import Log


def used(*stamps_s: float) -> tuple[list[float], list[str]]:
    """Which of the images of these stamps are used, and what is said about the clock."""
    log = Log()
    order = Order("/image", Complaints(log, 0.0))
    passed = []
    for stamp_s in stamps_s:
        try:
            order.check(stamp_s)
        except ValueError:
            continue
        passed.append(stamp_s)
    return passed, log.lines


def test_images_in_order_are_used_however_far_apart():
    assert used(5.0, 5.1, 5.2, 1e9, 1e9 + 0.1) == ([5.0, 5.1, 5.2, 1e9, 1e9 + 0.1], [])


def test_two_cameras_on_one_topic_with_clocks_a_little_apart_do_not_take_turns():
    stamps = [offset + frame / 30 for frame in range(30) for offset in (10.0, 9.5)]
    assert used(*stamps) == (stamps[::2], [])


def test_a_late_image_is_named_with_how_late_it_is():
    order = Order("/image", Complaints(Log()))
    order.check(7.0)
    with pytest.raises(ValueError, match=r"an image on /image is 0\.250 s older than the one before and is left out"):
        order.check(6.75)


def test_a_clip_that_begins_anew_is_followed_at_once():
    passed, said = used(10.0, 13.0, 10.0, 10.1)
    assert passed == [10.0, 13.0, 10.0, 10.1]
    assert said == ["warning: the stamps of the images on /image jump back by 3.000 s: people are followed afresh"]


def test_a_clock_that_is_set_back_a_little_costs_ten_images_at_most():
    stamps = [frame / 30 - (0.9 if frame > 30 else 0) for frame in range(60)]
    passed, said = used(*stamps)
    assert len(passed) == 60 - 10
    assert passed[-19:] == stamps[-19:]
    assert len(said) == 1


def test_a_clock_that_stands_still_lets_every_eleventh_image_through():
    assert len(used(*[4.0] * 111)[0]) == 11
