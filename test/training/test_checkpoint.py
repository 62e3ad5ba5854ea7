"""Checkpoints that are broken: one error of ours, whatever PyTorch stumbles over."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest
import torch

from training.checkpoint import read_checkpoint, write_checkpoint

STATE = {"config": {"model": {}}, "step": 3, "model": {"weight": torch.arange(4.0)}}


def test_what_was_written_is_read(tmp_path: Path) -> None:
    write_checkpoint(tmp_path / "last.ckpt", STATE)
    found = read_checkpoint(tmp_path / "last.ckpt")
    assert found["step"] == 3
    assert found["model"]["weight"].tolist() == [0, 1, 2, 3]


class Evil:
    def __reduce__(self) -> tuple:
        return (print, ("this must not be run",))


@pytest.mark.parametrize(
    "content",
    [b"", b"not a checkpoint", b"PK\x03\x04", b"j\xff\xff\xff\xff.", b"0", pickle.dumps(Evil())],
    ids=["empty", "text", "beginning of a zip file", "memo", "empty stack", "code"],
)
def test_a_file_that_is_none_is_named_and_nothing_in_it_is_run(
    tmp_path: Path, content: bytes, capsys: pytest.CaptureFixture
) -> None:
    path = tmp_path / "last.ckpt"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"last\.ckpt is no checkpoint that can be read"):
        read_checkpoint(path)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("keep", [0.1, 0.5, 0.95])
def test_a_checkpoint_that_is_cut_off_is_named(tmp_path: Path, keep: float) -> None:
    path = tmp_path / "last.ckpt"
    write_checkpoint(path, STATE)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * keep)])
    with pytest.raises(ValueError, match="cut off, damaged or something else"):
        read_checkpoint(path)
