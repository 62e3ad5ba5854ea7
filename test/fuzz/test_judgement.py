"""The fuzzer finds what it is there to find, and makes what it says it makes."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from metric_pose_ros.bags.types import typestore
from metric_pose_ros.geometry.camera import Camera
from test.bags import recorded
from test.fuzz import __main__ as fuzzer
from test.fuzz import door as doors
from test.fuzz.door import ROOT, Check, Door, judged
from test.fuzz.doors.detections import detections
from test.fuzz.draw import Draw, FromBytes
from test.fuzz.hostile_messages import hostile

NOTHING = FromBytes(b"")


def kind_of(check: Check, refusals: tuple[type[Exception], ...] = (ValueError,)) -> str | None:
    finding = judged(Door(lambda folder: check, refusals), check, NOTHING)
    return finding and finding.kind


def fails(error: BaseException) -> Check:
    def check(draw: Draw) -> None:
        raise error

    return check


def test_an_error_of_ours_that_says_what_was_given_is_no_finding() -> None:
    assert kind_of(lambda draw: None) is None
    assert kind_of(lambda draw: Camera.from_fov(640, 480, 200.0)) is None  # type: ignore[arg-type, return-value]


def test_errors_of_others_crashes_and_wrong_answers_are_findings() -> None:
    assert kind_of(lambda draw: np.zeros(3).reshape(2, 2)) == "foreign error"  # type: ignore[arg-type, return-value]
    assert kind_of(lambda draw: Camera.from_fov(640, 480, 200.0), ()) == "crash"  # type: ignore[arg-type, return-value]
    assert kind_of(fails(KeyError("x"))) == "crash"
    assert kind_of(fails(MemoryError())) == "crash"
    assert kind_of(fails(AssertionError("a person is behind the camera"))) == "wrong"


def test_what_takes_more_than_a_second_of_cpu_is_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter((10.0, 11.5))
    monkeypatch.setattr(doors.time, "process_time", lambda: next(clock))
    assert kind_of(lambda draw: None) == "hang"


def test_findings_of_one_kind_and_place_are_one() -> None:
    check = fails(KeyError("x"))
    first, second = (judged(Door(lambda folder: check), check, NOTHING) for _ in range(2))
    assert first is not None
    assert second is not None
    assert first.name == second.name


def test_memory_that_grows_with_every_input_is_a_leak(tmp_path: Path) -> None:
    path = tmp_path / "memory.json"
    path.write_text(json.dumps([(100 * n, 10**8 + 5_000_000 * n) for n in range(20)]))
    assert fuzzer._growth(path) == pytest.approx(50_000)
    path.write_text(json.dumps([(100 * n, 10**8 + 10**6 * (n % 7)) for n in range(20)]))
    assert fuzzer._growth(path) == 0
    assert fuzzer._growth(tmp_path / "nothing") is None


def test_no_bytes_change_nothing() -> None:
    message = recorded.picture(1, 100.0)
    same = hostile(FromBytes(b""), message)
    assert typestore().serialize_cdr(same, same.__msgtype__) == typestore().serialize_cdr(message, message.__msgtype__)
    assert FromBytes(b"").mutated(b"a: 1") == b"a: 1"
    assert FromBytes(b"").number(2.5) == 2.5
    assert FromBytes(b"").text("camera") == "camera"


@pytest.mark.parametrize(
    "usual", [recorded.picture(1, 100.0), recorded.info(), detections()], ids=lambda m: m.__msgtype__
)
def test_hostile_messages_are_such_as_ros_can_carry(usual: object) -> None:
    source, different = random.Random(0), 0
    for _ in range(100):
        message = hostile(FromBytes(source.randbytes(30)), usual, ("rgb8",))
        data = typestore().serialize_cdr(message, message.__msgtype__)
        typestore().deserialize_cdr(data, message.__msgtype__)
        different += bytes(data) != bytes(typestore().serialize_cdr(usual, message.__msgtype__))
    assert different > 50


def test_the_command_ends_with_a_table(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "test.fuzz", "--door", "engine_cache", "--minutes", "0.05", "--out", str(tmp_path)]
    done = subprocess.run([*command, "--jobs", "1"], cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    row = next(line for line in done.stdout.splitlines() if "│ engine_cache" in line)
    cells = [cell.strip() for cell in row.strip("│").split("│")]
    assert int(cells[1].replace(",", "")) > 20
    assert cells[-1] == "0"
