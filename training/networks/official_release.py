"""The folders in which the MeTRAbs authors release their PyTorch networks, read without executing anything.

A release holds ``ckpt.pt``, ``config.yaml`` and ``joint_info.npz``; those of many data sets also have
``joint_transform_matrix.npy``, which makes further joints out of those that the network sees, and
``skeleton_infos.pkl``, which says where each data set's joints stand among them.
"""

from __future__ import annotations

import pickle
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
import yaml
from torch import Tensor

from metric_pose_ros.skeleton import Skeleton
from training.networks.backbones.efficientnetv2 import SPECS
from training.networks.heads.heatmaps import HeatmapGeometry
from training.networks.official_names import our_names, our_skeleton
from training.safe_pickle import Foreign, load_pickle

FILES = ("ckpt.pt", "config.yaml", "joint_info.npz")
"""What a release cannot be without."""
FIRST = ("smpl+head_30", "smpl_24")
"""Of a release's skeletons, what the imported model speaks unless asked for another; the first one otherwise."""
ALL = "all"
"""Our name for the skeleton of all joints, which has an empty one upstream."""
FOREIGN = ("JointInfo", "AttrDict", "Dict")
"""Classes of the authors' packages that a skeleton may be, or be held in."""
HEAD = "heatmap_heads.conv_final."
"""What stands in front of the head's weights."""


@dataclass(frozen=True)
class Settings:
    """A release's ``config.yaml``, as far as it shapes the network.

    Attributes:
        size: of EfficientNetV2.
        crop_side: px.
        stride: px per heatmap cell.
        centered_stride: see `training.networks.backbones.efficientnetv2`.
        legacy_bug: the network has no centred strides, but its heatmaps are read as if it had.
        depth: slices of the 3D heatmaps.
        box_size_mm: what the crop's width and the depth of the 3D heatmaps stand for.
        weak_perspective: how poses are placed.
        mix: of joints in view, how much of the 3D pose against the 2D joints' rays.
    """

    size: str
    crop_side: int = 256
    stride: int = 32
    centered_stride: bool = True
    legacy_bug: bool = False
    depth: int = 8
    box_size_mm: float = 2200.0
    weak_perspective: bool = False
    mix: float = 0.5

    @property
    def geometry(self) -> HeatmapGeometry:
        """How the heatmaps are read."""
        cells = "official" if self.centered_stride or self.legacy_bug else "official_legacy"
        return HeatmapGeometry(self.crop_side, self.stride, self.depth, self.box_size_mm, cells)


@dataclass(frozen=True)
class Release:
    """What a release's folder says, in our words.

    Attributes:
        settings: of the network.
        seen: the joints that the network has heatmaps of.
        transform: (joints seen, joints) what every joint is made of; None if all are seen.
        everything: all joints, named `ALL`.
        skeletons: where its joints stand among all, and what they are; the first is the default.
        weights: the network's state dict.
    """

    settings: Settings
    seen: tuple[str, ...]
    transform: npt.NDArray[np.float32] | None
    everything: Skeleton
    skeletons: tuple[tuple[list[int], Skeleton], ...]
    weights: dict[str, Tensor]

    def metadata(self) -> dict[str, Any]:
        """What a model file says of its joints: ``joints``, ``edges`` and ``skeletons``."""
        return {
            "joints": list(self.everything.names),
            "edges": [list(edge) for edge in self.everything.edges],
            "skeletons": {
                skeleton.name: {
                    "indices": indices,
                    "names": list(skeleton.names),
                    "edges": [list(edge) for edge in skeleton.edges],
                }
                for indices, skeleton in self.skeletons
            },
        }


def read_release(folder: Path) -> Release:
    """Reads a release.

    Raises:
        FileNotFoundError: if it lacks one of `FILES`.
        ValueError: if a file cannot be read, does not fit the others or asks for what is not supported; the message
            names it.
    """
    missing = [name for name in FILES if not (folder / name).is_file()]
    if missing:
        raise FileNotFoundError(
            f"{folder} is no MeTRAbs release: it lacks {', '.join(missing)}; expected the unpacked folder of a PyTorch "
            "release, not of a TensorFlow one"
        )
    settings = read_settings(folder / FILES[1])
    names, edges = _joint_info(folder / FILES[2])
    weights = _weights(folder / FILES[0])
    if (wanted := len(names) * (1 + settings.depth)) != len(weights[f"{HEAD}weight"]):
        raise ValueError(
            f"{folder}: the head in ckpt.pt has {len(weights[f'{HEAD}weight'])} outputs, but {len(names)} joints of "
            f"joint_info.npz with 1 + {settings.depth} heatmap slices (config.yaml) need {wanted}"
        )
    transform = _transform(folder / "joint_transform_matrix.npy", len(names))
    infos = _skeleton_infos(folder / "skeleton_infos.pkl")
    count = len(names) if transform is None else transform.shape[1]
    if "" not in infos and count == len(names):
        infos[""] = (list(range(count)), names, edges)
    everything = _everything(infos, count)
    skeletons = [
        (indices, our_skeleton(name, theirs, bones)) for name, (indices, theirs, bones) in infos.items() if name
    ]
    first = {name: place for place, name in enumerate(FIRST)}
    skeletons.sort(key=lambda entry: first.get(entry[1].name, len(FIRST)))  # a stable sort: the others keep their order
    skeletons.append((list(range(count)), everything))
    return Release(settings, our_names(names), transform, everything, tuple(skeletons), weights)


def read_settings(path: Path) -> Settings:
    """Reads a release's ``config.yaml``.

    Raises:
        ValueError: if it asks for a network that is not supported here.
    """
    said = yaml.safe_load(path.read_text())
    if not isinstance(said, dict):
        raise ValueError(f"{path} holds no settings: expected lines such as `proc_side: 256`")
    size = str(said.get("efficientnet_size") or str(said.get("backbone", "")).rpartition("-")[2])
    if size not in SPECS:
        raise ValueError(
            f"{path}: the backbone is {said.get('backbone')!r} of size {said.get('efficientnet_size')!r}, expected "
            f"EfficientNetV2 of size {', '.join(SPECS)}"
        )
    for name in ("transform_coords", "predict_all_and_latents", "regularize_to_manifold"):
        if said.get(name):
            raise ValueError(f"{path}: `{name}` needs affine weights, which releases do not hold; it is not supported")
    if said.get("stride_test", 32) != said.get("stride_train", 32):
        raise ValueError(f"{path}: the strides of training and testing differ, expected both to be 32")
    if said.get("centered_stride", True) and said.get("legacy_centered_stride_bug", False):
        raise ValueError(f"{path}: `legacy_centered_stride_bug` goes with `centered_stride: false`")
    mix = said.get("mix_3d_inside_fov", 0.5)
    return Settings(
        size=size,
        crop_side=int(said.get("proc_side", 256)),
        stride=int(said.get("stride_test", 32)),
        centered_stride=bool(said.get("centered_stride", True)),
        legacy_bug=bool(said.get("legacy_centered_stride_bug", False)),
        depth=int(said.get("depth", 8)),
        box_size_mm=float(said.get("box_size_mm", 2200)),
        weak_perspective=bool(said.get("weak_perspective", False)),
        # Without a mix the authors take the 2D joints' rays alone.
        mix=0.0 if mix is None else float(mix),
    )


_Info = tuple[list[int], list[str], list[tuple[int, int]]]
"""Where a skeleton's joints stand among all, their names, and bones within the skeleton."""


def _everything(infos: dict[str, _Info], count: int) -> Skeleton:
    """All joints, named by the skeleton of all if there is one, else by the first that has them."""
    if "" in infos:
        indices, names, edges = infos[""]
        if indices != list(range(count)):
            raise ValueError(f"the skeleton of all joints has {len(indices)} of {count}, or in another order")
        return Skeleton(ALL, our_names(names), tuple(edges))
    found = [f"joint_{number}" for number in range(count)]
    for name, (indices, names, _) in reversed(infos.items()):
        for place, joint in zip(indices, names, strict=True):
            found[place] = f"{joint}_{name}"
    return Skeleton(ALL, our_names(found), ())


def _joint_info(path: Path) -> tuple[list[str], list[tuple[int, int]]]:
    try:
        with np.load(path, allow_pickle=False) as info:
            return [str(name) for name in info["joint_names"]], _pairs(info["joint_edges"])
    except (KeyError, ValueError, OSError, zipfile.BadZipFile) as error:
        raise ValueError(f"{path} cannot be read: {error}; expected `joint_names` and `joint_edges`") from error


def _weights(path: Path) -> dict[str, Tensor]:
    try:
        weights = torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, zipfile.BadZipFile) as error:
        raise ValueError(f"{path} holds no weights alone: {str(error).splitlines()[0]}") from error
    if not isinstance(weights, dict) or f"{HEAD}weight" not in weights or f"{HEAD}bias" not in weights:
        raise ValueError(f"{path} is no state dict of MeTRAbs: it lacks {HEAD}weight or {HEAD}bias")
    return weights


def _transform(path: Path, seen: int) -> npt.NDArray[np.float32] | None:
    if not path.is_file():
        return None
    matrix = np.load(path, allow_pickle=False)
    if matrix.ndim != 2 or len(matrix) != seen:
        raise ValueError(f"{path} has shape {matrix.shape}, expected one row for each of the {seen} joints seen")
    identity = matrix.shape[1] == seen and np.array_equal(matrix, np.eye(seen))
    return None if identity else np.asarray(matrix, np.float32)


def _skeleton_infos(path: Path) -> dict[str, _Info]:
    """By the authors' name; empty if there is no file."""
    if not path.is_file():
        return {}
    said = load_pickle(path, foreign=FOREIGN)
    infos: dict[str, _Info] = {}
    try:
        for name, info in said.items():
            held = vars(info) if isinstance(info, Foreign) else info
            edges = held["edges"] if "edges" in held else held["stick_figure_edges"]
            indices, names = [int(place) for place in held["indices"]], [str(joint) for joint in held["names"]]
            if len(indices) != len(names):
                raise ValueError(f"skeleton {name!r} has {len(indices)} indices for {len(names)} names")
            infos[str(name)] = (indices, names, _pairs(edges))
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ValueError(
            f"{path} cannot be understood: {type(error).__name__} {error}; expected a dictionary of skeletons with "
            "`indices`, `names` and `edges`"
        ) from error
    return infos


def _pairs(edges: Sequence[Any] | npt.NDArray[Any]) -> list[tuple[int, int]]:
    return [(int(parent), int(child)) for parent, child in edges]
