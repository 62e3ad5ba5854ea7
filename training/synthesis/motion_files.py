"""Motion files in, body part rotations out: Acclaim ASF/AMC (CMU), BVH, and DeepMimic's JSON clips.

All are brought to Anny's axes (x to the person's left, y backwards, z up). A part's rotation turns its direction in the
file's rest pose into its direction in a frame; rest directions come along, since files differ in their rest pose.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

from metric_pose_ros import plain_json

PARTS = (
    "root", "chest", "head",
    *(f"{part}.{side}" for side in "LR" for part in ("upperarm", "forearm", "thigh", "shin", "foot")),
)  # fmt: skip
"""Body parts of a clip; root is the pelvis."""

Y_UP_Z_FORWARD = np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]])
"""From the axes of ASF and BVH (x left, y up, z forward) to Anny's."""

_DEEPMIMIC_AXES = np.array([[0, 0, -1.0], [-1, 0, 0], [0, 1, 0]])
"""From DeepMimic's axes (x forward, y up, z right) to Anny's."""


_BROKEN = (KeyError, IndexError, ValueError, TypeError, AttributeError, ArithmeticError, RecursionError)
"""What files raise that lack something, hold something else, or in which bones are their own parents."""


class MotionFileError(ValueError):
    """A motion file that cannot be read; the message names the file and what is wrong."""


@dataclass(frozen=True)
class Clip:
    """A recorded motion.

    Attributes:
        name: file name without its ending.
        rotations: part -> (T, 3, 3) from the rest pose, world axes.
        rest_directions: limb part -> (3,) unit direction in that rest pose; a part not named rests as Anny's does.

    Raises:
        ValueError: if a number is not finite.
    """

    name: str
    rotations: dict[str, np.ndarray]
    rest_directions: dict[str, np.ndarray]

    def __post_init__(self) -> None:
        for part, numbers in (*self.rotations.items(), *self.rest_directions.items()):
            if not np.isfinite(numbers).all():
                raise ValueError(f"the {part} is turned by what is no number, or has no length")

    def __len__(self) -> int:
        return len(self.rotations["root"])


def read_motion_folder(folder: Path) -> tuple[list[Clip], list[str]]:
    """Reads every motion file below a folder.

    Returns:
        the clips, sorted by name, and one line for each file that was skipped, naming it and why.
    """
    clips, problems = [], []
    for path in sorted(folder.rglob("*")):
        try:
            if path.suffix == ".amc":
                clips.append(read_amc(path, _skeleton_of(path)))
            elif path.suffix == ".bvh":
                clips.append(read_bvh(path))
            elif path.suffix == ".txt" and "Frames" in path.read_text(errors="replace")[:400]:
                clips.append(read_deepmimic(path))
        except MotionFileError as error:
            problems.append(str(error))
    return clips, problems


def _skeleton_of(motion: Path) -> Path:
    """CMU names the skeleton of 02_05.amc 02.asf."""
    for candidate in (motion.with_suffix(".asf"), motion.with_name(motion.stem.split("_")[0] + ".asf")):
        if candidate.exists():
            return candidate
    raise MotionFileError(f"{motion}: no skeleton {motion.stem.split('_')[0]}.asf beside it")


_ASF_BONES = {
    "chest": "thorax", "head": "head",
    **{
        f"{part}.{side.upper()}": side + bone
        for side in "lr"
        for part, bone in (
            ("upperarm", "humerus"), ("forearm", "radius"), ("thigh", "femur"), ("shin", "tibia"), ("foot", "foot"),
        )
    },
}  # fmt: skip


@dataclass(frozen=True)
class _AsfBone:
    direction: np.ndarray
    axis: np.ndarray
    freedoms: tuple[str, ...]


def read_amc(motion: Path, skeleton: Path) -> Clip:
    """Reads an Acclaim motion (AMC) with its skeleton (ASF)."""
    try:
        return _amc(motion, skeleton)
    except _BROKEN as error:
        raise MotionFileError(f"{motion} with {skeleton.name}: not a readable ASF/AMC pair ({error!r})") from error


def _amc(motion: Path, skeleton: Path) -> Clip:
    bones, parents = _read_asf(skeleton)
    rotations = _asf_rotations(bones, parents, _read_amc_frames(motion))
    axes = Y_UP_Z_FORWARD
    return Clip(
        motion.stem,
        {"root": axes @ rotations["root"] @ axes.T}
        | {part: axes @ rotations[bone] @ axes.T for part, bone in _ASF_BONES.items()},
        {part: axes @ bones[bone].direction for part, bone in _ASF_BONES.items() if "." in part},
    )


def _read_asf(path: Path) -> tuple[dict[str, _AsfBone], dict[str, str]]:
    bones: dict[str, _AsfBone] = {}
    parents: dict[str, str] = {}
    section = ""
    entry: dict[str, list[str]] = {}
    for words in (line.split() for line in path.read_text(errors="replace").splitlines()):
        if not words or words[0].startswith("#"):
            continue
        if words[0].startswith(":"):
            section = words[0]
        elif section == ":bonedata":
            if words[0] == "end":
                axis = Rotation.from_euler("xyz", [float(word) for word in entry["axis"][:3]], degrees=True).as_matrix()
                direction = np.array([float(word) for word in entry["direction"]])
                freedoms = tuple(entry.get("dof", ()))
                bones[entry["name"][0]] = _AsfBone(direction / np.linalg.norm(direction), axis, freedoms)
                entry = {}
            else:
                entry[words[0]] = words[1:]
        elif section == ":hierarchy" and words[0] not in ("begin", "end"):
            parents.update({child: words[0] for child in words[1:]})
    if not bones:
        raise ValueError("no :bonedata")
    return bones, parents


def _read_amc_frames(path: Path) -> list[dict[str, list[float]]]:
    frames: list[dict[str, list[float]]] = []
    for words in (line.split() for line in path.read_text(errors="replace").splitlines()):
        if len(words) == 1 and words[0].isdigit():
            frames.append({})
        elif frames and len(words) > 1:
            frames[-1][words[0]] = [float(word) for word in words[1:]]
    if not frames:
        raise ValueError("no frames")
    return frames


def _asf_rotations(
    bones: dict[str, _AsfBone], parents: dict[str, str], frames: list[dict[str, list[float]]]
) -> dict[str, np.ndarray]:
    """(T, 3, 3) per bone: parent's rotation, then the frame's angles about the bone's own axes."""
    root = np.array([frame["root"][3:6] for frame in frames])
    rotations = {"root": Rotation.from_euler("xyz", root, degrees=True).as_matrix()}

    def rotation(name: str) -> np.ndarray:
        if name not in rotations:
            bone, angles = bones[name], np.zeros((len(frames), 3))
            for column, freedom in enumerate(bone.freedoms):
                angles[:, "xyz".index(freedom[1])] = [frame.get(name, [0.0] * 3)[column] for frame in frames]
            local = bone.axis @ Rotation.from_euler("xyz", angles, degrees=True).as_matrix() @ bone.axis.T
            rotations[name] = rotation(parents[name]) @ local
        return rotations[name]

    for bone in _ASF_BONES.values():
        rotation(bone)
    return rotations


_BVH_JOINTS: dict[str, tuple[str, ...]] = {
    "root": ("hips", "hip", "pelvis"),
    "chest": ("spine3", "spine2", "spine1", "chest", "upperchest", "thorax", "spine"),
    "head": ("head",),
    **{
        f"{part}.{side}": tuple(prefix + name for prefix in prefixes for name in names)
        for side, prefixes in (("L", ("left", "l")), ("R", ("right", "r")))
        for part, names in (
            ("upperarm", ("arm", "upperarm", "shoulder")), ("forearm", ("forearm", "elbow", "lowerarm")),
            ("thigh", ("upleg", "thigh", "hip", "upperleg")), ("shin", ("leg", "shin", "knee", "lowerleg")),
            ("foot", ("foot", "ankle")),
        )
    },
}  # fmt: skip


def read_bvh(path: Path) -> Clip:
    """Reads a BVH file (y up, person facing z in the rest pose), finding the joints by their usual names."""
    try:
        return _bvh(path)
    except MotionFileError:
        raise
    except _BROKEN as error:
        raise MotionFileError(f"{path}: not a readable BVH file ({error!r})") from error


def _bvh(path: Path) -> Clip:
    names, parents, offsets, channels, frames = _parse_bvh(path)
    plain = [name.lower().split(":")[-1].replace("_", "") for name in names]
    index: dict[str, int] = {}
    for part, candidates in _BVH_JOINTS.items():
        found = next((plain.index(name) for name in candidates if name in plain), None)
        if found is None:
            raise MotionFileError(f"{path}: no joint for {part} among {', '.join(names)}; known names: {candidates}")
        index[part] = found
    world: list[np.ndarray] = []
    column = 0
    for joint, kinds in enumerate(channels):
        turn = np.tile(np.eye(3), (len(frames), 1, 1))
        for offset, kind in enumerate(kinds):
            if kind.endswith("rotation"):
                step = Rotation.from_euler(kind[0].lower(), frames[:, [column + offset]], degrees=True).as_matrix()
                turn = turn @ step
        column += len(kinds)
        world.append(turn if parents[joint] < 0 else world[parents[joint]] @ turn)
    rest = {}
    for part, joint in index.items():
        child = next((k for k, parent in enumerate(parents) if parent == joint), None)
        if "." in part and child is not None and np.linalg.norm(offsets[child]) > 0:
            rest[part] = Y_UP_Z_FORWARD @ (offsets[child] / np.linalg.norm(offsets[child]))
    axes = Y_UP_Z_FORWARD
    return Clip(path.stem, {part: axes @ world[joint] @ axes.T for part, joint in index.items()}, rest)


def _parse_bvh(path: Path) -> tuple[list[str], list[int], list[np.ndarray], list[list[str]], np.ndarray]:
    header, _, motion = path.read_text(errors="replace").partition("MOTION")
    names: list[str] = []
    parents: list[int] = []
    offsets: list[np.ndarray] = []
    channels: list[list[str]] = []
    stack: list[int] = []
    for words in (line.split() for line in header.splitlines()):
        if not words:
            continue
        if words[0] in ("ROOT", "JOINT", "End"):
            names.append(" ".join(words[1:]) if words[0] != "End" else f"end of {names[stack[-1]]}")
            parents.append(stack[-1] if stack else -1)
            channels.append([])
        elif words[0] == "{":
            stack.append(len(names) - 1)
        elif words[0] == "}":
            stack.pop()
        elif words[0] == "OFFSET":
            offsets.append(np.array([float(word) for word in words[1:4]]))
        elif words[0] == "CHANNELS":
            channels[-1] = words[2:]
    rows = motion.strip().splitlines()[2:]
    frames = np.array([[float(word) for word in row.split()] for row in rows if row.strip()])
    if frames.ndim != 2 or frames.shape[1] != sum(map(len, channels)):
        raise ValueError(f"frames of {frames.shape} for {sum(map(len, channels))} channels")
    return names, parents, offsets, channels, frames


def read_deepmimic(path: Path) -> Clip:
    """Reads a DeepMimic humanoid clip (JSON; its rest pose stands with hanging arms and flat feet)."""
    try:
        return _deepmimic(path)
    except _BROKEN as error:
        raise MotionFileError(f"{path}: not a DeepMimic humanoid clip ({error})") from error


def _deepmimic(path: Path) -> Clip:
    frames = np.array(plain_json.loads(path.read_text())["Frames"], float)
    if frames.ndim != 2 or frames.shape[1] != 44:
        raise ValueError(f"frames of shape {frames.shape}, expected 44 numbers each")
    axes = _DEEPMIMIC_AXES

    def ball(column: int) -> np.ndarray:
        return axes @ Rotation.from_quat(frames[:, [column + 1, column + 2, column + 3, column]]).as_matrix() @ axes.T

    def hinge(column: int) -> np.ndarray:
        turns = np.zeros((len(frames), 3))
        turns[:, 2] = frames[:, column]
        return axes @ Rotation.from_rotvec(turns).as_matrix() @ axes.T

    rotations = {"root": ball(4)}
    rotations["chest"] = rotations["root"] @ ball(8)
    rotations["head"] = rotations["chest"] @ ball(12)
    for side, hip, knee, ankle, shoulder, elbow in (("R", 16, 20, 21, 25, 29), ("L", 30, 34, 35, 39, 43)):
        rotations[f"thigh.{side}"] = rotations["root"] @ ball(hip)
        rotations[f"shin.{side}"] = rotations[f"thigh.{side}"] @ hinge(knee)
        rotations[f"foot.{side}"] = rotations[f"shin.{side}"] @ ball(ankle)
        rotations[f"upperarm.{side}"] = rotations["chest"] @ ball(shoulder)
        rotations[f"forearm.{side}"] = rotations[f"upperarm.{side}"] @ hinge(elbow)
    down = np.array([0.0, 0, -1])
    rest = {f"{part}.{side}": down for side in "LR" for part in ("upperarm", "forearm")}
    return Clip(path.stem, rotations, rest)
