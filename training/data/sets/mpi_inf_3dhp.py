"""MPI-INF-3DHP (Mehta et al. 2017): studio videos with annot.mat and camera.calibration, and the test set TS1 to TS6.

Training takes every fifth frame of S1 to S7 in which all joints of the test set's skeleton are in the picture and one
moved by 100 mm; S8 is for validation. The eight cameras at the height of chest and knee are used. The test has every
valid frame of TS1 to TS6. Everywhere boxes are around the test set's joints, without hands, feet and toes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np

from metric_pose_ros.geometry.camera import Camera
from training.data.example import Example, Floats, box_around, inside
from training.data.sets.data_set import DataSet, Part
from training.data.sets.files import UnreadableError, Video, first_folder, read_matlab, read_picture
from training.data.sets.masks import box_with_mask, green_screen_mask
from training.data.sets.sampling import FRAME_STEP, MovementFilter
from training.data.shards import Problems
from training.data.skeletons import MPI_INF_3DHP_17, MPI_INF_3DHP_28

SUBJECTS = {"train": (1, 2, 3, 4, 5, 6, 7), "validation": (8,)}
CAMERAS = (0, 1, 2, 4, 5, 6, 7, 8)
TEST_SEQUENCES = ("TS1", "TS2", "TS3", "TS4", "TS5", "TS6")
TEST_FOLDERS = (".", "mpi_inf_3dhp_test_set", "mpi_inf_3dhp_test_set/mpi_inf_3dhp_test_set")
ACTIVITIES = ("Stand/Walk", "Exercise", "Sit on Chair", "Reach/Crouch", "On Floor", "Sports", "Misc.")
SCENES = {"TS1": "studio", "TS2": "studio", "TS3": "indoors", "TS4": "indoors", "TS5": "outdoors", "TS6": "outdoors"}
BOX_SCALE = 1.1
"""Around the joints, which end before the body does."""
TEST_JOINTS = MPI_INF_3DHP_28.indices(MPI_INF_3DHP_17.names)
"""Of the 28 in the training set's files."""

LAYOUT = """\
  S1/Seq1/annot.mat
  S1/Seq1/camera.calibration
  S1/Seq1/imageSequence/video_0.avi ... video_8.avi
  S1/Seq1/FGmasks/video_0.avi ... (optional: masks for new backgrounds)
  and the same of S2 to S7 (train) and S8 (validation), Seq1 and Seq2
  TS1/annot_data.mat, TS1/imageSequence/img_000001.jpg ... TS6 (test), or these in mpi_inf_3dhp_test_set/"""


@dataclass(frozen=True)
class Recording:
    """One video of the training set.

    Attributes:
        folder: such as ``S1/Seq2`` in the data root.
        subject: its number.
        sequence: 1 or 2.
        camera: its number, 0 to 13.
    """

    folder: Path
    subject: int
    sequence: int
    camera: int

    @property
    def name(self) -> str:
        """Such as ``S1_Seq2_4``."""
        return f"S{self.subject}_Seq{self.sequence}_{self.camera}"

    def examples(self, problems: Problems) -> Iterator[Example]:
        """The frames worth learning from."""
        try:
            poses = read_poses(self.folder / "annot.mat", "annot3", self.camera)
            universal = read_poses(self.folder / "annot.mat", "univ_annot3", self.camera)
            camera = read_cameras(self.folder / "camera.calibration")[self.camera]
            video = Video(self.folder / "imageSequence" / f"video_{self.camera}.avi")
        except UnreadableError as error:
            problems.note("recording", str(error))
            return
        masks = self._masks(problems)
        with video:
            yield from self._examples(poses, universal, camera, video, masks, problems)

    def _masks(self, problems: Problems) -> Video | None:
        """The masks' video; they may be left out as a whole, but one that is missing among others is a problem."""
        if not (self.folder / "FGmasks").is_dir():
            return None
        try:
            return Video(self.folder / "FGmasks" / f"video_{self.camera}.avi")
        except UnreadableError as error:
            problems.note("masks", str(error))
            return None

    def _examples(
        self, poses: Floats, universal: Floats, camera: Camera, video: Video, masks: Video | None, problems: Problems
    ) -> Iterator[Example]:
        new = MovementFilter()
        for frame in range(0, min(len(poses), len(universal)), FRAME_STEP):
            joints_mm = poses[frame, TEST_JOINTS]
            joints_px = camera.project(joints_mm)
            if not inside(joints_px, camera.width, camera.height).all() or not new.takes(joints_mm):
                continue
            try:
                image = video.frame(frame)
            except UnreadableError as error:
                problems.note("video that ends early", str(error))
                return
            box = box_around(joints_px, BOX_SCALE)
            mask = None
            if masks is not None:
                try:
                    mask = green_screen_mask(masks.frame(frame), box, image.shape[1], image.shape[0])
                except UnreadableError as error:
                    problems.note("masks", str(error))
                    masks = None
            facts = {
                "subject": f"S{self.subject}",
                "sequence": f"Seq{self.sequence}",
                "camera": str(self.camera),
                "frame": frame,
            }
            yield Example(
                f"{self.name}_{frame:06d}",
                image,
                camera,
                MPI_INF_3DHP_28,
                poses[frame],
                box_with_mask(box, mask),
                mask=mask,
                universal_mm=universal[frame],
                facts=facts,
            )


@dataclass(frozen=True)
class Sequence:
    """One sequence of the test set.

    Attributes:
        folder: with annot_data.mat and imageSequence.
        name: TS1 to TS6.
    """

    folder: Path
    name: str

    def examples(self, problems: Problems) -> Iterator[Example]:
        """Every valid frame."""
        path = self.folder / "annot_data.mat"
        try:
            with h5py.File(path) as file:
                poses, universal = (np.asarray(file[name], float)[:, 0] for name in ("annot3", "univ_annot3"))
                valid = np.asarray(file["valid_frame"]).ravel() > 0
                activities = np.asarray(file["activity_annotation"]).ravel().astype(int)
        except (OSError, KeyError, IndexError, ValueError) as error:
            problems.note("sequence", f"{path} cannot be read: {error}")
            return
        if poses.shape[1:] != (17, 3) or not len(poses) == len(universal) == len(valid) == len(activities):
            problems.note("sequence", f"{path}: annot3 has the shape {poses.shape}, expected ({len(valid)}, 17, 3)")
            return
        camera = camera_of(self.name)
        for frame in np.flatnonzero(valid):
            try:
                image = read_picture(self.folder / "imageSequence" / f"img_{frame + 1:06d}.jpg")
            except UnreadableError as error:
                problems.note("picture", str(error))
                continue
            activity = activities[frame]
            facts = {
                "sequence": self.name,
                "action": ACTIVITIES[activity - 1] if 0 < activity <= len(ACTIVITIES) else str(activity),
                "scene": SCENES[self.name],
                "frame": int(frame),
            }
            yield Example(
                f"{self.name}_{frame:06d}",
                image,
                camera,
                MPI_INF_3DHP_17,
                poses[frame],
                box_around(camera.project(poses[frame]), BOX_SCALE),
                universal_mm=universal[frame],
                facts=facts,
            )


def recordings(root: Path, split: str, problems: Problems) -> list[Part]:
    """All videos, or sequences of the test set, that should be there."""
    if split == "test":
        folder = first_folder(root, tuple(f"{name}/TS1" for name in TEST_FOLDERS))
        if folder is None:
            problems.note("test set", f"{root} has no folder TS1")
            return []
        return [Sequence(folder.parent / name, name) for name in TEST_SEQUENCES]
    found: list[Part] = []
    for subject in SUBJECTS[split]:
        for sequence in (1, 2):
            folder = root / f"S{subject}" / f"Seq{sequence}"
            if (folder / "annot.mat").is_file():
                found += [Recording(folder, subject, sequence, camera) for camera in CAMERAS]
            else:
                problems.note("sequence", f"{folder / 'annot.mat'} is missing")
    return found


def read_poses(path: Path, variable: str, camera: int) -> Floats:
    """(N, 28, 3) mm in the camera's frame, of one camera of an annot.mat."""
    cells = read_matlab(path, variable)
    try:
        return np.asarray(cells[camera], float).reshape(-1, len(MPI_INF_3DHP_28), 3)
    except (IndexError, TypeError, ValueError) as error:
        raise UnreadableError(f"{path}: {variable} has nothing of camera {camera}: {error}") from error


def read_cameras(path: Path) -> dict[int, Camera]:
    """The cameras of a camera.calibration file by their numbers; their lenses are corrected for already."""
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise UnreadableError(f"{path} cannot be read: {error.strerror}") from error
    cameras = {}
    for number, section in re.findall(r"^name\s+(\d+)\s*$(.*?)(?=^name\s|\Z)", text, re.MULTILINE | re.DOTALL):
        said = dict(re.findall(r"^\s*(size|intrinsic)\s+(.*?)\s*$", section, re.MULTILINE))
        try:
            width, height = (int(value) for value in said["size"].split())
            K = np.array([float(value) for value in said["intrinsic"].split()]).reshape(4, 4)[:3, :3]
            cameras[int(number)] = Camera(K, np.zeros(0), "pinhole", width, height)
        except (KeyError, ValueError) as error:
            raise UnreadableError(f"{path}: camera {number} makes no sense: {error}") from error
    if not set(CAMERAS) <= set(cameras):
        raise UnreadableError(f"{path} has the cameras {sorted(cameras)}, expected {list(CAMERAS)} among them")
    return cameras


def camera_of(sequence: str) -> Camera:
    """The camera of a test sequence, after the calibration that comes with the test set (focal length, offset of the
    principal point and sensor in mm)."""
    if sequence in ("TS1", "TS2", "TS3", "TS4"):
        return _camera(7.325058937, (-0.032288432, 0.092929602), 1.000442863, (10.0, 10.0), (2048, 2048), ())
    distortion = (-0.276859611, 0.131125256, -0.000360494, -0.001149441, -0.049318332)
    return _camera(8.770747185, (-0.104908645, 0.104899704), 0.993236423, (10.0, 5.625), (1920, 1080), distortion)


def _camera(
    focal: float,
    offset: tuple[float, float],
    aspect: float,
    sensor: tuple[float, float],
    size: tuple[int, int],
    distortion: tuple[float, ...],
) -> Camera:
    x, y = size[0] / sensor[0], size[1] / sensor[1] * aspect
    K = np.array(
        [[focal * x, 0, (sensor[0] / 2 + offset[0]) * x], [0, focal * y, (sensor[1] / 2 + offset[1]) * y], [0, 0, 1]]
    )
    return Camera(K, np.array(distortion), "plumb_bob" if distortion else "pinhole", *size)


DATA_SET = DataSet("mpi-inf-3dhp", ("train", "validation", "test"), LAYOUT, recordings)
