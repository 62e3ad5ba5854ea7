"""Every door stands up to hostile input: a few seconds of what `./run fuzz` does for hours."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from test.fuzz import doors
from test.fuzz.door import judged
from test.fuzz.draw import Draw, FromBytes, FromHypothesis

SLOW = {"bag_mcap", "bag_sqlite", "data_set", "network", "parameters", "model", "shard"}
"""Doors behind which whole files are read, or whole videos looked at."""
PROPERTIES = settings(
    max_examples=15, deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck)
)


def assert_stands(door: str, folder: Path, draws: list[Draw]) -> None:
    """Fails with what was found at a door."""
    folder.mkdir(exist_ok=True)
    opened = doors.door(door)
    check = opened.open(folder)
    for draw in draws:
        finding = judged(opened, check, draw)
        assert finding is None or finding.kind == "hang", finding.text  # a busy machine proves nothing about time


@pytest.mark.parametrize("door", doors.available())
def test_input_as_it_should_be_comes_in_and_random_changes_do_no_harm(door: str, tmp_path: Path) -> None:
    check = doors.door(door).open(tmp_path)
    check(FromBytes(b""))  # raises nothing
    source = random.Random(door)
    inputs = [source.randbytes(source.randint(1, 80)) for _ in range(8 if door in SLOW else 40)]
    assert_stands(door, tmp_path / "again", [FromBytes(data) for data in inputs])


@pytest.mark.parametrize("door", ["image", "compressed_image", "camera_info", "detections", "transforms", "network"])
@PROPERTIES
@given(data=st.data())
def test_whatever_messages_and_networks_say_people_are_real(
    door: str, data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    assert_stands(door, tmp_path_factory.getbasetemp() / door, [FromHypothesis(data)])
