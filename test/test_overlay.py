"""The overlay: what is drawn where, and what is left out."""

from dataclasses import replace

import numpy as np
import pytest

from metric_pose_ros.overlay import LEFT_BGR, RIGHT_BGR, draw, side_colour
from test.standing import standing

IMAGE = np.zeros((480, 640, 3), np.uint8)


def test_the_image_itself_stays_as_it_is():
    drawn = draw(IMAGE, [standing()])
    assert not IMAGE.any()
    assert drawn.any()
    assert drawn.shape == IMAGE.shape


def test_bones_are_drawn_between_their_joints_in_the_colour_of_their_side():
    person = standing()
    drawn = draw(IMAGE, [person])
    for side, colour in (("left", LEFT_BGR), ("right", RIGHT_BGR)):
        hip, knee = person.joints2d[person.skeleton.indices((f"{side}_hip", f"{side}_knee"))]
        x, y = np.round((hip + knee) / 2).astype(int)
        assert drawn[y, x].tolist() == list(colour)


def test_joints_are_white_when_sure_and_red_when_not():
    sure, unsure = (draw(IMAGE, [standing(confidence=confidence)]) for confidence in (1.0, 0.2))
    x, y = np.round(standing().joints2d[standing().skeleton.indices(("left_knee",))[0]]).astype(int)
    assert sure[y, x].min() > 240
    assert unsure[y, x, 2] > unsure[y, x, 0] + 80


def test_joints_that_nobody_knows_are_left_out():
    person = standing()
    knee = person.skeleton.indices(("left_knee",))[0]
    confidence = person.confidence.copy()
    confidence[knee] = 0.05
    drawn = draw(IMAGE, [replace(person, confidence=confidence)])
    x, y = np.round(person.joints2d[knee]).astype(int)
    assert not drawn[y, x].any()


def test_people_outside_the_image_do_no_harm():
    person = standing()
    for shift in (1e7, -1e7):
        drawn = draw(IMAGE, [replace(person, joints2d=person.joints2d + shift)])
        assert drawn.shape == IMAGE.shape
        assert drawn.dtype == IMAGE.dtype


def test_the_label_stays_inside_the_image():
    person = standing()
    above = replace(person, joints2d=person.joints2d - [0, 150])
    assert draw(IMAGE, [above])[:12, 200:440].any()


@pytest.mark.parametrize(("name", "colour"), [("left_ear", LEFT_BGR), ("right_hand", RIGHT_BGR)])
def test_sides_have_their_colours(name, colour):
    assert side_colour(name) == colour
