"""A bank of bodies, poses and assets in one file: all that rendering on the fly needs.

A machine that trains needs neither the body model nor the folders of assets then.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from scipy.spatial.transform import Rotation
from torch import Tensor

from training.synthesis.assets import Assets
from training.synthesis.body import AnnyBody, Mesh
from training.synthesis.body_files import put_on
from training.synthesis.figures import Figures
from training.synthesis.light import Panorama
from training.synthesis.mesh_columns import COLUMNS
from training.synthesis.poses import LOOSE_BONES, PoseSampler
from training.synthesis.skinning import Anatomy, Bodies, Skinner, from_quaternions

_QUALITY = 92
_BODIES_AT_ONCE = 32
_SMALLEST_SHAPE = 5e-5
"""A blend shape that moves no vertex of a typical body further than this (m) is left out."""

_LOOSENESS = 0.05
"""How far the bank's poses are turned a little at random each time they are used (rad, one sigma)."""


@dataclass(frozen=True)
class Bank:
    """Of one split.

    Attributes:
        mesh, anatomy, bodies: see there. loose: (n,) bones that are turned a little at random.
        quaternions: (P, bones, 4) float16 poses; kinds, clips: (P,) their names. assets: lights and backgrounds.
    """

    split: str
    mesh: Mesh
    anatomy: Anatomy
    bodies: Bodies
    loose: np.ndarray
    quaternions: np.ndarray
    kinds: np.ndarray
    clips: np.ndarray
    assets: Assets

    @classmethod
    def make(
        cls, body: AnnyBody, poses: PoseSampler, assets: Assets, split: str, size: tuple[int, int], seed: int
    ) -> Bank:
        """Draws as many bodies and poses as `size` says."""
        rng = np.random.default_rng([seed, 7])
        parts = []
        for _ in range(-(-size[0] // _BODIES_AT_ONCE)):
            shapes, _ = put_on(rng, body.sample_shapes(rng, _BODIES_AT_ONCE), assets.bodies)
            parts.append(body.bodies(shapes))
        columns = [torch.cat([getattr(part, field.name) for part in parts])[: size[0]] for field in fields(Bodies)]
        anatomy, bodies = compact(body.anatomy(), Bodies(*columns))
        drawn = [poses.sample(rng) for _ in range(size[1])]
        quaternions = np.stack([Rotation.from_matrix(pose.rotations).as_quat() for pose in drawn])
        return cls(
            split,
            body.mesh,
            anatomy,
            bodies,
            np.array([body.bone_index[bone] for bone in LOOSE_BONES]),
            quaternions.astype(np.float16),
            np.array([pose.kind for pose in drawn]),
            np.array([pose.clip for pose in drawn]),
            assets,
        )

    def save(self, path: Path) -> None:
        """Writes the file, photographs as JPEG."""
        arrays: dict[str, Any] = {"split": self.split, "loose": self.loose, "quaternions": self.quaternions}
        arrays |= {"kinds": self.kinds, "clips": self.clips}
        for name, part in (("mesh", self.mesh), ("anatomy", self.anatomy), ("bodies", self.bodies)):
            arrays |= {f"{name}.{field.name}": np.asarray(getattr(part, field.name)) for field in fields(part)}
        for number, panorama in enumerate(self.assets.panoramas):
            arrays[f"panorama.{number}.{panorama.name}"] = np.minimum(panorama.pixels, 6e4).astype(np.float16)
        for number, (name, image) in enumerate(zip(self.assets.photograph_names, self.assets.photographs, strict=True)):
            encoded = cv2.imencode(".jpg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])[1]
            arrays[f"photograph.{number}.{name}"] = encoded
        path.parent.mkdir(parents=True, exist_ok=True)
        np.savez_compressed(path, **arrays)

    @classmethod
    def load(cls, path: Path) -> Bank:
        """Reads what `save` wrote.

        Raises:
            ValueError: if the file is no bank.
        """
        with np.load(path) as file:
            arrays = dict(file)
        try:
            return cls._from(arrays)
        except KeyError as error:
            raise ValueError(
                f"{path} is no bank ({error} is missing): make one with `synthesize --make-bank`"
            ) from error

    @classmethod
    def _from(cls, arrays: dict[str, np.ndarray]) -> Bank:
        if arrays["mesh.fields"].shape[1] != COLUMNS:
            raise KeyError(f"column {COLUMNS - 1} of mesh.fields")
        panoramas, photographs, names = [], [], []
        for key, value in arrays.items():
            kind, _, rest = key.partition(".")
            name = rest.partition(".")[2]
            if kind == "panorama":
                panoramas.append(Panorama.from_pixels(name, value.astype(np.float32)))
            elif kind == "photograph":
                photographs.append(np.ascontiguousarray(np.asarray(cv2.imdecode(value, cv2.IMREAD_COLOR))[..., ::-1]))
                names.append(name)

        def part(name: str, whole: type) -> dict[str, Any]:
            return {field.name: arrays[f"{name}.{field.name}"] for field in fields(whole)}

        return cls(
            str(arrays["split"]),
            Mesh(**part("mesh", Mesh)),
            Anatomy.of(**part("anatomy", Anatomy)),
            Bodies.of(**part("bodies", Bodies)),
            arrays["loose"],
            arrays["quaternions"],
            arrays["kinds"],
            arrays["clips"],
            Assets(panoramas, photographs, names, [], [], []),
        )


def compact(anatomy: Anatomy, bodies: Bodies) -> tuple[Anatomy, Bodies]:
    """The same bodies from as few blend shapes as these bodies need."""
    _, sizes, basis = torch.linalg.svd(bodies.coefficients, full_matrices=False)
    shapes = torch.tensordot(basis, anatomy.blendshapes, 1)
    typical = sizes / len(bodies.coefficients) ** 0.5
    kept = typical * shapes.norm(dim=2).amax(1) > _SMALLEST_SHAPE
    coefficients = bodies.coefficients @ basis[kept].T
    return replace(anatomy, blendshapes=shapes[kept]), replace(bodies, coefficients=coefficients)


class BankCast:
    """Figures from a bank, on a device: any body in any pose, mirrored or not, facing any way, a little different each
    time."""

    def __init__(self, bank: Bank, device: torch.device | str) -> None:
        self._bank, self._device = bank, torch.device(device)
        self._skinner = Skinner(bank.anatomy.to(device))
        self._bodies = bank.bodies.to(device)
        self._quaternions = torch.from_numpy(bank.quaternions).to(device)

    def draw(self, rng: np.random.Generator, count: int) -> Figures:
        """See `Cast`."""
        bank = self._bank
        pose, body = rng.integers(len(bank.quaternions), size=count), rng.integers(len(bank.bodies.heads), size=count)
        rotations = from_quaternions(self._quaternions[self._upload(pose)].float())
        mirrored = self._upload(rng.random(count) < 0.5)[:, None, None, None]
        sign = torch.tensor([-1.0, 1, 1], device=self._device)
        other = rotations[:, self._skinner.anatomy.mirror] * sign[:, None] * sign
        rotations = torch.where(mirrored, other, rotations)
        nudges = Rotation.from_rotvec(rng.normal(0, _LOOSENESS, (count * len(bank.loose), 3))).as_matrix()
        loose = self._upload(bank.loose)
        nudge = self._upload(nudges.reshape(count, -1, 3, 3).astype(np.float32))
        rotations[:, loose] = nudge @ rotations[:, loose]
        heading = Rotation.from_euler("z", rng.uniform(0, 2 * np.pi, (count, 1))).as_matrix().astype(np.float32)
        rotations[:, 0] = self._upload(heading) @ rotations[:, 0]
        vertices, joints = self._skinner.pose(self._bodies.rows(self._upload(body)), rotations)
        return Figures(
            vertices,
            joints,
            bank.kinds[pose].tolist(),
            bank.clips[pose].tolist(),
            [f"bank-{number}" for number in body.tolist()],
        )

    def _upload(self, array: np.ndarray) -> Tensor:
        return torch.from_numpy(array).to(self._device)
