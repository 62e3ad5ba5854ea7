"""The model a robot gets: backbone, neck and head in one module, and the calibration of its size and uncertainty."""

from __future__ import annotations

import copy
from typing import Any, NamedTuple, cast

import torch
from torch import Tensor, nn

from training.data.batch import Batch
from training.joint_space import JointSpace
from training.networks.backbones.backbone import Backbone
from training.networks.backbones.build import build_backbone
from training.networks.disagreement import disagreement
from training.networks.folding import fold_normalisation
from training.networks.heads.build import build_head
from training.networks.heads.head import Head, Pose
from training.networks.neck import LastMap, Neck
from training.tracing import crops_to_try

CROP_SIDE = 256
BOX_SIZE_MM = 2200.0


class PoseOutput(NamedTuple):
    """The outputs of an exported model, in its order; what the head cannot say is None and not in the file.

    Attributes:
        joints2d: (N, J, 2) px in the crop.
        relative: (N, J, 3) mm, up to translation.
        absolute: (N, J, 3) mm in the crop camera.
        std: (N, J, 3) mm, one standard deviation of `relative` about its true value, per axis.
    """

    joints2d: Tensor | None
    relative: Tensor
    absolute: Tensor | None
    std: Tensor


class PoseModel(nn.Module):
    """Crops and their cameras in, people in millimetres out.

    Args:
        backbone: gives named feature maps.
        neck: makes one map of them.
        head: reads it.
        space: the joints, in the order of the outputs.
        crop_side: px of the crops.
        body_scale: how the robot is to look at whom it knows, see `PoseModelInfo.body_scale`; 0 for boxes only.

    Attributes:
        stride: px of the crop per cell of the head's heatmaps.
        size: what poses are multiplied by; 1 until the model is calibrated.
        std_scale: (J, 3) factors of the heatmaps' spread; 1 until then.
        std_disagreement: (J, 3) factors of the 2D and 3D readings' disagreement, added in squares; 0 until then.
        std_floor_mm: (J, 3) what is added in squares as well; 0 until then.
    """

    size: Tensor
    std_scale: Tensor
    std_disagreement: Tensor
    std_floor_mm: Tensor

    def __init__(
        self,
        backbone: Backbone,
        neck: LastMap | Neck,
        head: Head,
        space: JointSpace,
        crop_side: int,
        body_scale: float = 0.0,
    ) -> None:
        super().__init__()
        self.backbone, self.neck, self.head = backbone, neck, head
        self.space, self.crop_side, self.stride = space, crop_side, head.geometry.stride
        self.body_scale = body_scale
        self.register_buffer("size", torch.ones(()), persistent=False)
        self.register_buffer("std_scale", torch.ones(len(space), 3))
        self.register_buffer("std_disagreement", torch.zeros(len(space), 3), persistent=False)
        self.register_buffer("std_floor_mm", torch.zeros(len(space), 3))

    def features(self, crops: Tensor) -> dict[str, Tensor]:
        """The backbone's maps of crops (N, 3, S, S) RGB in 0..1, by name."""
        return self.backbone(crops)

    def read(self, features: dict[str, Tensor]) -> Any:
        """The head's reading of the backbone's maps."""
        return self.head(self.neck(features))

    def forward(self, crops: Tensor, intrinsics: Tensor) -> PoseOutput:
        """Runs everything.

        Args:
            crops: (N, 3, S, S) RGB in 0..1.
            intrinsics: (N, 3, 3) of the crop cameras.
        """
        return self.output(self._place(self.read(self.features(crops)), intrinsics), intrinsics)

    def output(self, pose: Pose, intrinsics: Tensor) -> PoseOutput:
        """States a pose's uncertainty."""
        variance = (self.std_scale * pose.spread) ** 2 + self.std_floor_mm**2
        if pose.joints2d is not None and pose.absolute is not None:
            apart = disagreement(pose.joints2d, pose.absolute, intrinsics)
            variance = variance + (self.std_disagreement * apart) ** 2
        return PoseOutput(pose.joints2d, pose.relative, pose.absolute, variance.sqrt())

    def pose(self, batch: Batch) -> Pose:
        """What the model makes of a batch of crops, or of a backbone's maps of them."""
        return self._place(self.read(self._maps(batch)), batch.target.intrinsics)

    def losses(self, batch: Batch, progress: float, draw: Tensor) -> dict[str, Tensor]:
        """The head's losses on a batch and their weighted sum ``total``; arguments as in `Head.losses`."""
        reading = self.read(self._maps(batch))
        with torch.autocast(draw.device.type, enabled=False):
            return self.head.losses(reading, batch.target, progress, draw)

    def fold(self) -> PoseModel:
        """A copy in evaluation mode whose batch normalisations are folded into the convolutions beside them."""
        folded = copy.deepcopy(self).eval()
        folded.neck = self.neck.fold()
        example = crops_to_try(2, side=self.crop_side).to(self.std_scale)
        with torch.no_grad():
            features = folded.features(example)
            folded.head = cast(Head, fold_normalisation(folded.head, folded.neck(features)))
        folded.backbone = cast(Backbone, fold_normalisation(folded.backbone, example))
        return folded

    def _maps(self, batch: Batch) -> dict[str, Tensor]:
        if batch.features is not None:
            return batch.features
        if batch.crops is None:
            raise ValueError("a batch has neither crops nor features")
        return self.features(batch.crops)

    def _place(self, reading: Any, intrinsics: Tensor) -> Pose:
        pose = self.head.place(reading, intrinsics)
        # A pose that grows about the camera looks the same: the factor moves people without moving their image.
        absolute = None if pose.absolute is None else pose.absolute * self.size
        return pose._replace(relative=pose.relative * self.size, absolute=absolute)


def build_model(config: dict[str, Any], with_weights: bool = True) -> PoseModel:
    """Builds a model as the ``model`` section of a configuration says.

    Args:
        config: ``backbone`` (see `build_backbone`), ``head`` (see `build_head`), ``skeletons`` (see `JointSpace`) and,
            if wanted, ``neck: {width, blocks}``, without which the head reads the backbone's last map, ``crop_side``,
            ``box_size_mm`` and ``body_scale``.
        with_weights: whether to read files of weights that the configuration names.

    Raises:
        ValueError: for something that does not exist or does not fit.
    """
    sections = ("backbone", "head", "skeletons")
    missing = [section for section in sections if section not in config]
    unknown = sorted(set(config) - {*sections, "neck", "crop_side", "box_size_mm", "body_scale"})
    if missing or unknown:
        raise ValueError(
            f"the model section lacks {', '.join(missing) or 'nothing'} and has the unknown "
            f"{', '.join(unknown) or 'nothing'}; it consists of {', '.join(sections)} and, optionally, neck, "
            "crop_side, box_size_mm, body_scale"
        )
    space = JointSpace.from_names(list(config["skeletons"]))
    crop_side = int(config.get("crop_side", CROP_SIDE))
    backbone = build_backbone(config["backbone"], with_weights)
    neck: LastMap | Neck
    if config.get("neck"):
        neck = Neck(backbone.channels, backbone.strides, **config["neck"])
    else:
        neck = LastMap(backbone.channels, backbone.strides)
    box_size_mm = float(config.get("box_size_mm", BOX_SIZE_MM))
    head = build_head(config["head"], neck.channels, neck.stride, space, crop_side, box_size_mm)
    return PoseModel(backbone, neck, head, space, crop_side, float(config.get("body_scale", 0.0)))
