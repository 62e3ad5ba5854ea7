"""The MeTRAbs authors' released networks as ours: to run, equal to theirs, and to train further."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from metric_pose_ros.skeleton import Skeleton
from training.joint_space import JointSpace
from training.networks.backbones.efficientnetv2 import EfficientNetV2, load_weights
from training.networks.heads.heatmaps import HeatmapGeometry
from training.networks.heads.metrabs import MetrabsHead, MetrabsReading
from training.networks.neck import LastMap
from training.networks.official_placement import place_as_authors
from training.networks.official_release import HEAD, Release
from training.networks.placement import project
from training.networks.pose_model import PoseModel, PoseOutput

SMALLEST_STD_MM = 30.0
"""Along each axis; no network is surer of a joint."""


class OfficialMetrabs(nn.Module):
    """An official network, from crops to what our models put out.

    Of a joint that the network sees, the 2D position is its 2D heatmap's; of one that is made of others, the projection
    of its 3D position, as the authors have it for all. The standard deviation is the 3D heatmap's, less what its cells
    need to say where the joint is (`beyond_cells`), and nobody calibrated it; that of a joint made of others is made of
    theirs in the same way.

    Args:
        release: what was read.
        coupled: place poses as the authors do, each depending on the others of its batch, instead of each by itself.
    """

    transform: Tensor
    weight: Tensor
    mixed: Tensor

    def __init__(self, release: Release, coupled: bool = False) -> None:
        super().__init__()
        self.settings, self.coupled = release.settings, coupled
        self.network = trainable(release)
        self.transforms = release.transform is not None
        if release.transform is not None:
            transform = torch.from_numpy(release.transform).t().contiguous()
            self.register_buffer("transform", transform)
            self.register_buffer("weight", transform.abs())
            self.register_buffer("mixed", (transform != 0).sum(1, keepdim=True) > 1)

    def forward(self, crops: Tensor, intrinsics: Tensor) -> PoseOutput:
        """Runs everything.

        Args:
            crops: (N, 3, S, S) RGB in 0..1.
            intrinsics: (N, 3, 3) of the crop cameras.
        """
        return self.output(self.network.read(self.network.features(crops)), intrinsics)

    def output(self, reading: MetrabsReading, intrinsics: Tensor) -> PoseOutput:
        """Places what the head said of crops, and makes the joints that it does not see."""
        joints2d, relative, spread = reading
        settings = self.settings
        absolute = place_as_authors(
            joints2d, relative, intrinsics, settings.crop_side, settings.stride, settings.centered_stride,
            settings.weak_perspective, self.coupled, settings.mix,
        )  # fmt: skip
        std = beyond_cells(relative, spread, settings.geometry)
        if not self.transforms:
            return PoseOutput(joints2d, relative, absolute, std)
        absolute = self.transform @ absolute
        joints2d = torch.where(self.mixed, project(absolute, intrinsics), self.transform @ joints2d)
        return PoseOutput(joints2d, self.transform @ relative, absolute, self.weight @ std)


def beyond_cells(mean: Tensor, spread: Tensor, geometry: HeatmapGeometry) -> Tensor:
    """How wide heatmaps are, beside what the distance of their cells makes of a certain answer.

    A position between two cells takes both of them, whose standard deviation is at least d sqrt(f (1 - f)) at the
    fraction f of their distance d; here d is 70 to 310 mm. What is left says how sure the network is.

    Args:
        mean: (N, J, 3) mm of the heatmaps.
        spread: (N, J, 3) mm, their standard deviation.
        geometry: of their cells.

    Returns:
        (N, J, 3) mm, `SMALLEST_STD_MM` added in squares.
    """
    across, deep = geometry.across_mm(), geometry.deep_mm()
    distance = torch.stack([across[1] - across[0], across[1] - across[0], deep[1] - deep[0]]).to(mean)
    first = torch.stack([across[0], across[0], deep[0]]).to(mean)
    cells = (mean - first) / distance
    fraction = cells - cells.floor()
    needed = distance.square() * fraction * (1 - fraction)
    return ((spread.square() - needed).clamp(min=0) + SMALLEST_STD_MM**2).sqrt()


def trainable(release: Release, skeletons: tuple[str, ...] = ()) -> PoseModel:
    """A released network as a model of ours, which places poses as ours do.

    Args:
        release: what was read.
        skeletons: names of the release's skeletons that the model shall speak; without any it has every joint that the
            network sees, as one skeleton.

    Raises:
        ValueError: if the release has no such skeleton, or the network does not see all of its joints.
    """
    settings = release.settings
    if skeletons:
        space, rows = _chosen(release, skeletons)
    else:
        space, rows = JointSpace((Skeleton("seen", release.seen, ()),)), list(range(len(release.seen)))
    with torch.device("meta"):  # a hundred million random numbers would be drawn to be overwritten
        backbone = EfficientNetV2(settings.size, centered_stride=settings.centered_stride)
    load_weights(backbone.to_empty(device="cpu"), release.weights)
    neck = LastMap(backbone.channels, backbone.strides)
    head = MetrabsHead(
        neck.channels, space, settings.geometry, perspective="weak" if settings.weak_perspective else "full"
    )
    with torch.no_grad():
        for name, parameter in head.output.named_parameters():
            parameter.copy_(reordered(release.weights[HEAD + name], len(release.seen), rows))
    return PoseModel(backbone, neck, head, space, settings.crop_side).eval()


def reordered(outputs: Tensor, joints: int, rows: list[int]) -> Tensor:
    """The authors' head outputs in our order, some joints only.

    Theirs are all 2D heatmaps, then the first slice of every joint's volume, then the second; ours are all 2D heatmaps,
    then the volumes joint by joint.

    Args:
        outputs: (joints * (1 + depth), ...).
        joints: how many the network sees.
        rows: which of them to take, in this order.

    Returns:
        (len(rows) * (1 + depth), ...).
    """
    volumes = outputs[joints:].unflatten(0, (-1, joints)).transpose(0, 1)
    return torch.cat([outputs[:joints][rows], volumes[rows].flatten(0, 1)])


def _chosen(release: Release, names: tuple[str, ...]) -> tuple[JointSpace, list[int]]:
    """The joint space of some skeletons, and which of the joints seen are its joints."""
    has = {skeleton.name: (indices, skeleton) for indices, skeleton in release.skeletons}
    unknown = [name for name in names if name not in has]
    if unknown:
        raise ValueError(f"the release has no skeleton {', '.join(unknown)}; it has {', '.join(has)}")
    rows: list[int] = []
    for name in names:
        for place, joint in zip(has[name][0], has[name][1].names, strict=True):
            column = None if release.transform is None else release.transform[:, place].nonzero()[0]
            if column is not None and len(column) != 1:
                raise ValueError(f"{name} cannot be trained: its {joint} is made of {len(column)} joints seen")
            rows.append(place if column is None else int(column[0]))
    return JointSpace(tuple(has[name][1] for name in names)), rows
