"""The command: what it says, and what it returns."""

from __future__ import annotations

import importlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from test.training.data.scene import convert, samples
from test.training.data.test_coco import person, write_set
from training.data.convert import DATA_SETS
from training.data.sets.data_set import DataSet


def run(root: Path, out: Path, *more: object) -> int:
    return convert("coco", "--data-root", root, "--out", out, "--split", "validation", *more)


@pytest.mark.parametrize("name", DATA_SETS)
def test_every_data_set_says_what_its_folder_must_hold(
    tmp_path: Path, name: str, capsys: pytest.CaptureFixture
) -> None:
    known: DataSet = importlib.import_module(DATA_SETS[name]).DATA_SET
    assert known.name == name
    for root in (tmp_path / "nowhere", tmp_path):
        for split in known.splits:
            assert convert(name, "--data-root", root, "--out", tmp_path / "out", "--split", split) == 1
            said = capsys.readouterr().err
            assert said.startswith(f"convert {name}: ")
            assert known.layout in said
    assert not list((tmp_path / "out").rglob("*.tar"))


def test_a_split_that_the_set_lacks_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    assert convert("mpii", "--data-root", tmp_path, "--out", tmp_path / "out", "--split", "test") == 1
    assert "it has no split 'test', only train" in capsys.readouterr().err


@pytest.mark.parametrize("option", [("--side", 32), ("--shard-size", 0)])
def test_numbers_that_make_no_sense_are_refused(
    tmp_path: Path, option: tuple[str, int], capsys: pytest.CaptureFixture
) -> None:
    assert run(tmp_path, tmp_path / "out", *option) == 1
    assert f"{option[0]} {option[1]}" in capsys.readouterr().err


def test_a_second_run_says_what_the_first_one_wrote(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    write_set(tmp_path / "root", [person(7), person(9, image_id=99)])
    out = tmp_path / "out"
    assert run(tmp_path / "root", out) == 0
    first = capsys.readouterr().out
    tar = (out / "validation-000000.tar").stat().st_mtime_ns
    (out / ".validation-parts").mkdir()  # as if it had been killed while it cleared up
    assert run(tmp_path / "root", out) == 0
    second = capsys.readouterr().out
    assert "already holds the whole split" in second
    for said in (first, second):
        assert "1 examples in 1 shards" in said.replace("\n", "")
        assert "skipped 1 x annotation" in said.replace("\n", "")
    assert (out / "validation-000000.tar").stat().st_mtime_ns == tar
    assert not (out / ".validation-parts").exists()


def test_the_side_of_the_pictures_is_the_users(tmp_path: Path) -> None:
    write_set(tmp_path / "root", [person(7)])
    assert run(tmp_path / "root", tmp_path / "out", "--side", 128) == 0
    (sample,) = samples(tmp_path / "out", "validation").values()
    assert sample.image.shape == (128, 128, 3)


SLOW = """
import sys
from pathlib import Path
import training.data.sets.coco as coco
from test.training.data.scene import convert
real = coco.read_picture
def slow(path):
    Path("reading").touch()
    import time
    time.sleep(60)
coco.read_picture = slow
sys.exit(convert("coco", "--data-root", "root", "--out", "out", "--split", "validation"))
"""


def test_ctrl_c_ends_in_order(tmp_path: Path) -> None:
    write_set(tmp_path / "root", [person(7)])
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3]), "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(
        [sys.executable, "-c", SLOW], cwd=tmp_path, env=environment, stderr=subprocess.PIPE, text=True
    )
    deadline = time.monotonic() + 60
    while not (tmp_path / "reading").exists():
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    assert process.communicate(timeout=30)[1] == "convert coco: stopped; the same command goes on from here\n"
    assert process.returncode == 130
    assert not list((tmp_path / "out").rglob("*.tar"))
