"""What the official MeTRAbs network computed, and release folders of its true layout.

The reference files hold inputs and outputs of the authors' code with weights that come from the tensors' names alone,
so that a checkpoint of 80 MB travels as a list of names and shapes.
"""

from __future__ import annotations

import json
import pickle
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
import yaml
from torch import Tensor

FOLDER = Path(__file__).parent
SIZES = {"metrabs_s_256": "s", "metrabs_s_256_legacy_stride": "s", "metrabs_l_384": "l"}
HEAD_GAIN = 400.0
"""Of the last convolution: heatmaps that are as peaked as a trained network's."""


class Reference:
    """One of the reference files.

    Attributes:
        side: px of the crops.
        legacy: whether the network is one without centred strides that is read as if it had them.
        numbers: arrays of the file by name.
    """

    def __init__(self, name: str) -> None:
        self.name, self.size, self.legacy = name, SIZES[name], "legacy" in name
        self.side = 384 if self.size == "l" else 256
        with np.load(FOLDER / f"{name}.npz") as file:
            self.numbers = {key: file[key] for key in file.files}
        self.joints = self.numbers["coords2d"].shape[1]

    def tensor(self, name: str) -> Tensor:
        return torch.from_numpy(self.numbers[name])

    def weights(self) -> dict[str, Tensor]:
        """The checkpoint."""
        gain = float(self.numbers["gain"])
        return {
            name: torch.from_numpy(values(name, json.loads(shape), HEAD_GAIN if ".conv_final." in name else gain))
            for name, shape in zip(self.numbers["names"].tolist(), self.numbers["shapes"].tolist(), strict=True)
        }

    def crops(self) -> Tensor:
        """(2, 3, S, S) noise."""
        generator = np.random.Generator(np.random.PCG64(int(self.numbers["image_seed"])))
        return torch.from_numpy(generator.random((2, 3, self.side, self.side)).astype(np.float32))


def values(name: str, shape: list[int], gain: float) -> npt.NDArray[Any]:
    """A tensor whose numbers follow from its name."""
    draw = np.random.Generator(np.random.PCG64(zlib.crc32(name.encode())))
    last = name.rpartition(".")[2]
    if last == "num_batches_tracked":
        return np.zeros(shape, np.int64)
    if last in ("running_mean", "bias"):
        return draw.uniform(-0.1, 0.1, shape).astype(np.float32)
    if last == "running_var" or len(shape) == 1:
        return draw.uniform(0.8, 1.2, shape).astype(np.float32)
    spread = np.sqrt(gain / np.prod(shape[1:]))
    return (draw.standard_normal(shape) * spread).astype(np.float32)


SMPL = (
    "pelv,lhip,rhip,bell,lkne,rkne,spin,lank,rank,thor,ltoe,rtoe,neck,lcla,rcla,head,lsho,rsho,lelb,relb,lwri,rwri,"
    "lhan,rhan"
)
SMPL_EDGES = [(0, 1), (0, 2), (0, 3), (1, 4), (2, 5), (3, 6), (4, 7), (5, 8), (6, 9), (7, 10), (8, 11), (9, 12)]


def write_release(folder: Path, reference: Reference, with_skeletons: bool = True, **config: Any) -> Path:
    """A release folder of the true layout around a reference's network.

    The network sees SMPL's 24 joints. With skeletons there are two joints more, made of those: ``neck_kinectv2``, in
    the middle between neck and head, and ``pelv_kinectv2``, which is SMPL's.
    """
    folder.mkdir(parents=True)
    torch.save(reference.weights(), folder / "ckpt.pt")
    settings = {
        "proc_side": reference.side,
        "stride_train": 32,
        "stride_test": 32,
        "centered_stride": not reference.legacy,
        "legacy_centered_stride_bug": reference.legacy,
        "efficientnet_size": reference.size,
        "backbone": f"efficientnetv2-{reference.size}",
        "depth": 8,
        "box_size_mm": 2200,
        "weak_perspective": False,
        "mix_3d_inside_fov": 0.5,
        "affine_weights": None,
        "transform_coords": False,
        "predict_all_and_latents": False,
    }
    (folder / "config.yaml").write_text(yaml.safe_dump({**settings, **config}))
    seen = [f"{joint}_smpl" for joint in SMPL.split(",")]
    np.savez(folder / "joint_info.npz", joint_names=np.array(seen), joint_edges=np.array(SMPL_EDGES))
    if with_skeletons:
        transform = np.eye(24, 26)
        transform[[12, 15], 24] = 0.5
        transform[0, 25] = 1.0
        np.save(folder / "joint_transform_matrix.npy", transform)
        (folder / "skeleton_infos.pkl").write_bytes(pickle.dumps(skeleton_infos(seen)))
    return folder


def skeleton_infos(seen: list[str]) -> dict[str, Any]:
    """The skeletons of that release, as the authors write them: lists, tuples and NumPy integers."""
    names = SMPL.replace("bell", "spi1").replace("spin", "spi2").replace("thor", "spi3").split(",")
    places = [12, 16, 18, 20, 17, 19, 21, 0, 1, 4, 7, 2, 5, 8]
    return {
        "smpl_24": {"indices": list(range(24)), "names": names, "edges": SMPL_EDGES},
        "lsp_14": {
            "indices": [np.int64(place) for place in places],
            "names": [seen[place].removesuffix("_smpl") for place in places],
            "edges": np.array([(0, 1), (1, 2), (2, 3), (0, 4), (4, 5), (5, 6)]),
        },
        "kinectv2_2": {"indices": [25, 24], "names": ["spinebase", "neck"], "edges": [(0, 1)]},
        "smpl+head_30": {"indices": [*range(24), 24], "names": [*seen, "neck_coco"], "edges": [(1, 4), (1, 0)]},
        "": {
            "indices": list(range(26)),
            "names": [*seen, "neck_kinectv2", "pelv_kinectv2"],
            "edges": [*SMPL_EDGES, (24, 25)],
        },
    }
