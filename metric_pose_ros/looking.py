"""How the network looks at people: which crops show them, what of these is painted over, a second look at strangers.

Crops, looks and poses of all frames stand in rows: those of the first frame first, each frame's in its people's order.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from metric_pose_ros.bystanders import Mask, others, paint_over
from metric_pose_ros.geometry.body_crop import can_look_at_bodies
from metric_pose_ros.geometry.camera import Camera
from metric_pose_ros.geometry.crop import Crop, look_at, sample
from metric_pose_ros.image_network import ImagePoseNetwork
from metric_pose_ros.known_body import KnownBody
from metric_pose_ros.people import Detection
from metric_pose_ros.pose_network import PoseBatch, PoseNetwork
from metric_pose_ros.views import average, check_mirrored, looks

Image = npt.NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class Scene:
    """An image and who is to be looked at in it.

    Attributes:
        image_bgr: (height, width, 3).
        camera: that took it.
        detections: of N people.
        known: what is known of each before they are looked at.
        crops: N, the latest look at each; replaced as more is known.
    """

    image_bgr: Image
    camera: Camera
    detections: Sequence[Detection]
    known: list[KnownBody | None]
    crops: list[Crop]


@dataclass(frozen=True, eq=False)
class _Glance:
    """Some of the people of a scene, who are looked at now.

    Attributes:
        scene: that they are in.
        whom: their numbers.
        looked: for each of them, one crop a view.
        masks: what to paint over in these.
    """

    scene: Scene
    whom: list[int]
    looked: list[Crop]
    masks: list[Mask | None]

    @property
    def crops(self) -> list[Crop]:
        return [self.scene.crops[number] for number in self.whom]


class Looking:
    """Looks at people with a pose network.

    Args:
        network: that is given the crops.
        views: average over so many looks at each person, turned, zoomed and mirrored.
        mirror: average over each crop and its mirror image.
        timed: measures the stages ``crop`` and ``network``.

    Attributes:
        network: as above.

    Raises:
        ValueError: if the network's skeleton has no mirror image where one is needed.
    """

    def __init__(
        self, network: PoseNetwork, views: int, mirror: bool, timed: Callable[[str], AbstractContextManager[None]]
    ) -> None:
        self.network = network
        self._info = network.info
        self._views = looks(views, mirror)
        self._plainly = self._views == looks(1, False)
        check_mirrored(self._views, self._info.skeleton)
        self._timed = timed
        self._by_bodies = self._info.body_scale > 0 and can_look_at_bodies(self._info.skeleton)
        self._batch = np.zeros((1, 3, self._info.crop_side, self._info.crop_side), np.float32)

    def __call__(self, frames: Sequence[tuple[Image, Camera, Sequence[Detection]]]) -> tuple[list[Scene], PoseBatch]:
        """Looks at everybody in some images: at their bodies as far as they are known, else at their boxes.

        Returns:
            the scenes with the crops that were looked at in the end, and what the network says of these, in a row.
        """
        with self._timed("crop"):
            scenes = [self._scene(*frame) for frame in frames]
        poses = self._see([(scene, [*range(len(scene.crops))]) for scene in scenes])
        if self._by_bodies:
            self._look_again(scenes, poses)
        return scenes, poses

    def _scene(self, image_bgr: Image, camera: Camera, detections: Sequence[Detection]) -> Scene:
        known = [KnownBody.of(detection, camera, self._info.skeleton) for detection in detections]
        crops = [
            (self._at_body(body) if body is not None else None)
            or look_at(camera, detection.box, self._info.crop_side, self._info.crop_scale)
            for detection, body in zip(detections, known, strict=True)
        ]
        return Scene(image_bgr, camera, detections, known, crops)

    def _at_body(self, body: KnownBody) -> Crop | None:
        return body.crop(self._info.crop_side, self._info.body_scale) if self._by_bodies else None

    def _look_again(self, scenes: list[Scene], poses: PoseBatch) -> None:
        """Looks at strangers a second time, at their bodies; puts in place the crops and what was found in them."""
        again: list[tuple[Scene, list[int]]] = []
        rows: list[int] = []
        start = 0
        with self._timed("crop"):
            for scene in scenes:
                strangers: list[int] = []
                for number, crop in enumerate(scene.crops):
                    if scene.detections[number].expected is not None:
                        continue
                    found = crop.to_camera_frame(poses.absolute[start + number] / 1000)
                    closer = self._at_body(KnownBody(found, self._info.skeleton))
                    if closer is not None:
                        scene.crops[number] = closer
                        strangers.append(number)
                if strangers:
                    again.append((scene, strangers))
                    rows += [start + number for number in strangers]
                start += len(scene.crops)
        if rows:
            poses.put(rows, self._see(again))

    def _see(self, asked: list[tuple[Scene, list[int]]]) -> PoseBatch:
        """What the network says of the crops of some people of each scene."""
        with self._timed("crop"):
            glances = [self._glance(scene, whom) for scene, whom in asked]
            whole = self._for_whole_image(glances)
            batch = self._cut(glances) if whole is None else self._batch[:0]
        with self._timed("network"):
            if whole is None:
                return self._poses(batch, glances)
            (glance,) = glances
            return whole.look(glance.scene.image_bgr, glance.scene.camera, glance.crops)

    def _glance(self, scene: Scene, whom: list[int]) -> _Glance:
        looked = [(number, view.turn(scene.crops[number])) for number in whom for view in self._views]
        known = scene.known
        crowded = sum(body is not None for body in known) > 1
        masks = [others(crop, number, known) if crowded else None for number, crop in looked]
        return _Glance(scene, whom, [crop for _, crop in looked], masks)

    def _for_whole_image(self, glances: list[_Glance]) -> ImagePoseNetwork | None:
        """The network, if it can cut its crops itself: of one image, each once, with nobody to be painted over."""
        network = self.network
        if not isinstance(network, ImagePoseNetwork) or len(glances) > 1 or not self._plainly:
            return None
        crowded = any(mask is not None for mask in glances[0].masks)
        return network if network.takes(glances[0].scene.camera) and not crowded else None

    def _cut(self, glances: list[_Glance]) -> npt.NDArray[np.float32]:
        """The pixels of all looks at all people, in a row."""
        count = sum(len(glance.looked) for glance in glances)
        if len(self._batch) < count:
            self._batch = np.zeros((count, *self._batch.shape[1:]), np.float32)
        start = 0
        for glance in glances:
            pixels = self._batch[start : start + len(glance.looked)]
            sample(glance.scene.image_bgr, glance.scene.camera, glance.looked, pixels)
            for crop_pixels, mask in zip(pixels, glance.masks, strict=True):
                if mask is not None:
                    paint_over(crop_pixels, mask)
            start += len(glance.looked)
        for number in range(count):
            self._views[number % len(self._views)].show(self._batch[number])
        return self._batch[:count]

    def _poses(self, batch: npt.NDArray[np.float32], glances: list[_Glance]) -> PoseBatch:
        """One pose per person, in the frame of their crop, of the looks at them."""
        poses = self.network(batch, np.stack([crop.K for glance in glances for crop in glance.looked]))
        if len(self._views) == 1:
            return poses
        intrinsics = np.stack([crop.K for glance in glances for crop in glance.crops])
        info = self._info
        return average(poses, self._views, intrinsics, info.skeleton, info.crop_side, info.stride)
