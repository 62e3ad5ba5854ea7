"""Own bodies: what a file says is worn by half of the people, what it does not say is left to chance."""

import numpy as np
import pytest
import torch

from training.synthesis.body_files import OwnBody, put_on, read_body


def written(folder, text):
    path = folder / "mine.yaml"
    path.write_text(text)
    return path


def test_a_body_is_read(tmp_path):
    body = read_body(written(tmp_path, "gender: 0.95\nheight: 1\nchanges: {stomach-pregnant-incr: -0.4}\n"))
    assert body == OwnBody("mine", {"gender": 0.95, "height": 1.0, "stomach-pregnant-incr": -0.4})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("hieght: 0.5", "there is no 'hieght'; known are gender, age"),
        ("changes: {wings: 0.5}", "there is no 'wings'"),
        ("age: 35", "age is 35: expected a number from 0 to 1"),
        ("weight: much", "weight is 'much'"),
        ("- gender", "expected names and numbers"),
        ("gender: [", "not YAML"),
        ("changes: {}", "nothing about the body"),
    ],
)
def test_what_cannot_be_used_is_said(tmp_path, text, message):
    with pytest.raises(ValueError, match=message):
        read_body(written(tmp_path, text))


def test_half_of_the_people_get_own_bodies_and_keep_what_these_leave_open():
    shapes = {"gender": torch.full((1000,), 0.5), "age": torch.linspace(0, 1, 1000)}
    bodies = [OwnBody("first", {"gender": 0.0}), OwnBody("second", {"gender": 1.0})]
    worn, names = put_on(np.random.default_rng(0), shapes, bodies)
    for name, gender in (("first", 0.0), ("second", 1.0), (None, 0.5)):
        theirs = np.array([other == name for other in names])
        assert theirs.mean() == pytest.approx(0.25 if name else 0.5, abs=0.05)
        assert (worn["gender"].numpy()[theirs] == gender).all()
    assert torch.equal(worn["age"], shapes["age"])
    assert (shapes["gender"] == 0.5).all()


def test_without_own_bodies_chance_is_not_touched():
    rng = np.random.default_rng(1)
    shapes = {"gender": torch.zeros(3)}
    assert put_on(rng, shapes, []) == (shapes, [None] * 3)
    assert rng.random() == np.random.default_rng(1).random()
