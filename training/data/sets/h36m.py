"""Human3.6M (Ionescu et al. 2014): videos, D3_Positions, ground-truth boxes and metadata.xml.

Training takes every fifth frame of S1, S5, S6, S7 and S8 in which a joint moved by 100 mm; the test every 64th frame of
S9 and S11. World coordinates and boxes of three actions of S9 are 200 mm off; they are put right, as MeTRAbs does.
"""

from __future__ import annotations

import xml.etree.ElementTree
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np
from transforms3d.euler import euler2mat

from metric_pose_ros.geometry.camera import Camera
from metric_pose_ros.skeleton import H36M_17
from training.data.example import Example, Floats
from training.data.sets import apart
from training.data.sets.data_set import DataSet, Part
from training.data.sets.files import UnreadableError, Video, first_folder
from training.data.sets.sampling import FRAME_STEP, MovementFilter
from training.data.shards import Problems

SUBJECTS = {"train": (1, 5, 6, 7, 8), "test": (9, 11)}
CAMERAS = ("54138969", "55011271", "58860488", "60457274")
"""In the order of metadata.xml."""
TEST_STEP = 64
PROTOCOL_JOINTS = (0, 1, 2, 3, 6, 7, 8, 12, 13, 14, 15, 17, 18, 19, 25, 26, 27)
"""Of the 32 in the files, those of `H36M_17`, in its order."""
SHIFTED = {(9, "Greeting"), (9, "SittingDown 1"), (9, "Waiting 1")}
SHIFT_MM = np.array([-200.0, 0.0, 0.0])
ACTION_NAMES = {"TakingPhoto": "Photo", "WalkingDog": "WalkDog"}
"""Some subjects' files use the other name."""

LAYOUT = """\
  metadata.xml, or Release-v1.2/metadata.xml
  S1/Videos/Directions.54138969.mp4 ...
  S1/MyPoseFeatures/D3_Positions/Directions.cdf ...
  S1/MySegmentsMat/ground_truth_bb/Directions.54138969.mat ...
  and the same of S5, S6, S7, S8 (train), S9 and S11 (test)"""


@dataclass(frozen=True)
class Recording:
    """One video: a subject doing one thing, seen by one camera.

    Attributes:
        root: of the data set.
        subject: its number.
        action: the files' name, such as ``Sitting 1``.
        camera: index into `CAMERAS`.
        numbers: (300,) of metadata.xml's ``w0``.
        training: whether frames are chosen for training or for the test.
    """

    root: Path
    subject: int
    action: str
    camera: int
    numbers: tuple[float, ...]
    training: bool

    @property
    def name(self) -> str:
        """Such as ``S9_Sitting-1_54138969``."""
        return f"S{self.subject}_{self.action.replace(' ', '-')}_{CAMERAS[self.camera]}"

    def examples(self, problems: Problems) -> Iterator[Example]:
        """The frames that the protocol takes."""
        folder = self.root / f"S{self.subject}"
        video_name = f"{self.action}.{CAMERAS[self.camera]}"
        try:
            world = read_positions(folder / "MyPoseFeatures" / "D3_Positions" / f"{self.action}.cdf")
            video = Video(folder / "Videos" / f"{video_name}.mp4")
            boxes = h5py.File(_existing(folder / "MySegmentsMat" / "ground_truth_bb" / f"{video_name}.mat"))
        except (UnreadableError, OSError) as error:
            problems.note("recording", str(error))
            return
        if (self.subject, self.action) in SHIFTED:
            world = world + SHIFT_MM
        with video, boxes:
            yield from self._examples(world, video, boxes, problems)

    def _examples(self, world: Floats, video: Video, boxes: h5py.File, problems: Problems) -> Iterator[Example]:
        rotation, position, K, distortion = camera_of(np.array(self.numbers), self.camera, self.subject)
        new = MovementFilter()
        camera = None
        for frame in range(0, len(world), FRAME_STEP if self.training else TEST_STEP):
            if self.training and not new.takes(world[frame]):
                continue
            key = f"{self.name}_{frame:06d}"
            try:
                image = video.frame(frame)
            except UnreadableError as error:
                problems.note("video that ends early", str(error))
                return
            if camera is None:
                camera = Camera(K, distortion, "plumb_bob", image.shape[1], image.shape[0])
            joints_mm = (world[frame] - position) @ rotation.T
            try:
                box = read_box(boxes, frame)
            except (KeyError, IndexError, ValueError, TypeError) as error:
                problems.note("box", f"{key}: {error}")
                continue
            if (self.subject, self.action) in SHIFTED:
                box = _moved(box, camera, joints_mm[0, 2], rotation @ SHIFT_MM)
            facts = {
                "subject": f"S{self.subject}",
                "action": ACTION_NAMES.get(self.action.split()[0], self.action.split()[0]),
                "sequence": self.action,
                "camera": CAMERAS[self.camera],
                "frame": frame,
            }
            yield Example(key, image, camera, H36M_17, joints_mm, box, facts=facts)


def recordings(root: Path, split: str, problems: Problems) -> list[Part]:
    """All videos of a split that should be there."""
    metadata = first_folder(root, ("metadata.xml", "Release-v1.2/metadata.xml", "Release-v1.1/metadata.xml"))
    if metadata is None:
        raise ValueError(f"{root} has no metadata.xml, which holds the cameras; expected:\n{LAYOUT}")
    numbers = read_cameras(metadata)
    found: list[Part] = []
    for subject in SUBJECTS[split]:
        positions = sorted((root / f"S{subject}" / "MyPoseFeatures" / "D3_Positions").glob("*.cdf"))
        # The whole session of a subject in one file, "_ALL", repeats the others.
        actions = [path.stem for path in positions if not path.stem.startswith("_")]
        if not actions:
            problems.note("subject", f"{root / f'S{subject}'} has no MyPoseFeatures/D3_Positions/*.cdf")
        found += [
            Recording(root, subject, action, camera, numbers, split == "train")
            for action in actions
            for camera in range(len(CAMERAS))
        ]
    return found


def read_positions(path: Path) -> Floats:
    """(N, 17, 3) mm in the world, of a D3_Positions file."""
    _existing(path)
    try:
        poses = apart.cdf(path, "Pose")
    except ValueError as error:
        raise UnreadableError(f"{path} is no CDF file with a variable Pose: {error}") from error
    if poses.size == 0 or poses.shape[-1] != 96:
        raise UnreadableError(f"{path} holds {poses.shape} numbers, expected 96 a frame")
    return poses.reshape(-1, 32, 3)[:, list(PROTOCOL_JOINTS)]


def read_cameras(metadata: Path) -> tuple[float, ...]:
    """The 300 numbers of ``w0``.

    Raises:
        UnreadableError: if they are not there.
    """
    try:
        text = xml.etree.ElementTree.parse(metadata).getroot().findtext("w0") or ""
        numbers = tuple(float(number) for number in text.strip().strip("[]").split())
    except (xml.etree.ElementTree.ParseError, ValueError) as error:
        raise UnreadableError(f"{metadata} is not Human3.6M's metadata.xml: {error}") from error
    if len(numbers) != 300:
        raise UnreadableError(f"{metadata} has {len(numbers)} numbers in w0, expected 300")
    return numbers


def camera_of(numbers: Floats, camera: int, subject: int) -> tuple[Floats, Floats, Floats, Floats]:
    """(rotation from world to camera (3, 3), position in the world (3,) mm, K (3, 3), distortion (5,) in OpenCV's
    order) of ``w0``: six numbers for each camera and subject, then nine for each camera."""
    angles, position = np.split(numbers[:264].reshape(len(CAMERAS), 11, 6)[camera, subject - 1], 2)
    fx, fy, cx, cy, k1, k2, k3, p1, p2 = numbers[264:].reshape(len(CAMERAS), 9)[camera]
    K = np.array([[fx, 0, cx], [0, fy, cy], [0, 0, 1]])
    return euler2mat(*angles, axes="rxyz"), position, K, np.array([k1, k2, p1, p2, k3])


def read_box(boxes: h5py.File, frame: int) -> Floats:
    """(4,) xyxy px of a frame: the files hold a mask for each, ones in the box.

    Raises:
        ValueError: if there is no box.
    """
    # Matlab stores columns first, so rows of the array are columns of the picture.
    mask = boxes[boxes["Masks"][frame, 0]][()] > 0
    columns, rows = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(columns):
        raise ValueError("the mask has no ones")
    return np.array([columns[0] - 0.5, rows[0] - 0.5, columns[-1] + 0.5, rows[-1] + 0.5])


def _moved(box: Floats, camera: Camera, depth: float, by: Floats) -> Floats:
    """A box whose corners move by so many mm (camera frame) at a depth."""
    rays = camera.rays(box.reshape(2, 2))
    return camera.project(rays / rays[:, 2:] * depth + by).ravel()


def _existing(path: Path) -> Path:
    if not path.is_file():
        raise UnreadableError(f"{path} is missing")
    return path


DATA_SET = DataSet("h36m", ("train", "test"), LAYOUT, recordings)
