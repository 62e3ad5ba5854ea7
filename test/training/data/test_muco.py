"""MuCo-3DHP, from its composites, their origins (HDF5 cells of cells) and MPI-INF-3DHP's labels."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest

from test.training.data.scene import body, check, convert, paint, samples, write_picture
from test.training.data.studio import SIDE, project, write_labels

PAINTED = (7, 11, 20)


def person(x: float, z: float, seed: int) -> np.ndarray:
    """(28, 3) mm, with painted joints on the outside."""
    pose = body(seed, 28, (x, 0, z), 90)
    pose[list(PAINTED)] = [[x, -900, z], [x + 350, 0, z], [x - 300, 900, z]]
    pose[4] = [x, 0, z]  # the pelvis
    return pose


POSES = {1: person(-1100, 4000, 1), 2: person(500, 5000, 2), 3: person(300, 3600, 3), 4: person(2300, 6000, 4)}
"""Of the subjects; the third stands in front of the second and hides most of that one."""
CAMERA, FRAME = 5, 1


def write_info(path: Path, origins: np.ndarray) -> None:
    """sampled_dataset_info.mat as Matlab 7.3 writes a cell array of rows of six cells, the first (subject, sequence,
    camera, frame)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    count, people = origins.shape[:2]
    with h5py.File(path, "w") as file:
        cells = file.create_dataset("composite_info", (people, count), h5py.ref_dtype)
        for sample in range(count):
            for person_number in range(people):
                name = f"#refs#/{sample}_{person_number}"
                inner = file.create_dataset(f"{name}_cell", (6, 1), h5py.ref_dtype)
                origin = origins[sample, person_number, :, None].astype(np.uint16)
                inner[0, 0] = file.create_dataset(name, data=origin if origin.any() else np.zeros(2, np.uint64)).ref
                for number in range(1, 6):  # a box, 2D and 3D labels
                    inner[number, 0] = file.create_dataset(f"{name}_{number}", data=np.zeros((4, 1))).ref
                cells[person_number, sample] = inner.ref


def write_set(root: Path, count: int = 2) -> None:
    for subject, pose in POSES.items():
        frames = np.stack([pose + 1000, pose])
        write_labels(root / "mpi_inf_3dhp" / f"S{subject}" / "Seq1", {CAMERA: frames})
    origins = np.tile([[subject, 1, CAMERA, FRAME] for subject in POSES], (count, 1, 1))
    write_info(root / "muco" / "sampled_dataset_info.mat", origins)
    image = paint(SIDE, SIDE, project(POSES[1]), PAINTED)
    image[:, 110:167] = paint(SIDE, SIDE, project(POSES[3]), PAINTED)[:, 110:167]
    image[:, 172:] = paint(SIDE, SIDE, project(POSES[4]), PAINTED)[:, 172:]
    write_picture(root / "muco" / "unaugmented_set_001" / "000001.jpg", image)


def test_people_come_from_the_recordings_they_were_cut_from(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    write_set(tmp_path / "root")
    assert convert("muco", "--data-root", tmp_path / "root", "--out", tmp_path / "out") == 0
    found = samples(tmp_path / "out", "train")
    assert sorted(found) == ["000001_0", "000001_2", "000001_3"]  # the second is mostly hidden
    for sample in found.values():
        pose = POSES[int(sample.facts["subject"][1:])]
        check(sample, pose, PAINTED, within_px=1)
        np.testing.assert_allclose(sample.facts["universal_mm"], sample.joints_mm * 0.9, atol=0.02)
        assert sample.facts["frame"] == FRAME
        assert sample.skeleton.name == "mpi_inf_3dhp_28"
    assert "has 1 of the 2 that sampled_dataset_info.mat tells of" in capsys.readouterr().out.replace("\n", "")


def test_hands_and_feet_do_not_widen_the_box(tmp_path: Path) -> None:
    write_set(tmp_path / "root")
    pose = POSES[1].copy()
    pose[[12, 17, 22, 27], 1] = 1400  # hands and toes
    write_labels(tmp_path / "root" / "mpi_inf_3dhp" / "S1" / "Seq1", {CAMERA: np.stack([pose, pose])})
    assert convert("muco", "--data-root", tmp_path / "root", "--out", tmp_path / "out") == 0
    sample = samples(tmp_path / "out", "train")["000001_0"]
    assert (sample.joints_px[[12, 17, 22, 27], 1] > sample.box[3]).all()


def test_people_are_of_the_split_of_their_subject(tmp_path: Path) -> None:
    root = tmp_path / "root"
    write_set(root)
    write_labels(root / "mpi_inf_3dhp" / "S8" / "Seq1", {CAMERA: np.stack([POSES[3], POSES[3]])})
    origins = np.tile([[subject, 1, CAMERA, FRAME] for subject in (1, 2, 8, 4)], (2, 1, 1))
    write_info(root / "muco" / "sampled_dataset_info.mat", origins)
    assert convert("muco", "--data-root", root, "--out", tmp_path / "out") == 0
    assert sorted(samples(tmp_path / "out", "train")) == ["000001_0", "000001_3"]
    assert convert("muco", "--data-root", root, "--out", tmp_path / "out", "--split", "validation") == 0
    (held_out,) = samples(tmp_path / "out", "validation").values()
    assert (held_out.key, held_out.facts["subject"]) == ("000001_2", "S8")


def test_joints_behind_somebody_nearer_are_hidden(tmp_path: Path) -> None:
    write_set(tmp_path / "root")
    # The same two, the farther one moved aside so that only one wrist is behind the nearer one.
    aside = POSES[2] + np.array([-900, 0, 0])
    aside[11] = [450 * 5000 / 3600, 0, 5000]
    write_labels(tmp_path / "root" / "mpi_inf_3dhp" / "S2" / "Seq1", {CAMERA: np.stack([aside, aside])})
    assert convert("muco", "--data-root", tmp_path / "root", "--out", tmp_path / "out") == 0
    sample = samples(tmp_path / "out", "train")["000001_1"]
    assert np.flatnonzero(sample.visibility == 1).tolist() == [11]
    assert (np.delete(sample.visibility, 11) == 2).all()


def test_a_picture_of_somebody_whose_labels_are_missing_is_left_out(
    tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    write_set(tmp_path / "root")
    (tmp_path / "root" / "mpi_inf_3dhp" / "S4" / "Seq1" / "annot.mat").unlink()
    assert convert("muco", "--data-root", tmp_path / "root", "--out", tmp_path / "out") == 1
    said = capsys.readouterr()
    assert "S4/Seq1/annot.mat is missing" in said.out.replace("\n", "")
    assert "unaugmented_set_001/000001.jpg" in said.err


def test_a_person_without_an_origin_costs_only_that_picture(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    root = tmp_path / "root"
    write_set(root)
    origins = np.tile([[subject, 1, CAMERA, FRAME] for subject in POSES], (2, 1, 1))
    origins[0, 2] = 0
    write_info(root / "muco" / "sampled_dataset_info.mat", origins)
    folder = root / "muco" / "unaugmented_set_001"
    (folder / "000002.jpg").write_bytes((folder / "000001.jpg").read_bytes())
    assert convert("muco", "--data-root", root, "--out", tmp_path / "out") == 0
    assert sorted(samples(tmp_path / "out", "train")) == ["000002_0", "000002_2", "000002_3"]
    assert "picture 1 does not say where person 2 is from" in capsys.readouterr().out.replace("\n", "")
