"""From a frame to people in metres: detect, look at each, estimate, place, drop what cannot be."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import numpy.typing as npt

from metric_pose_ros.bystanders import Mask, others, paint_over
from metric_pose_ros.detection import Detector, open_detector, trouble_of
from metric_pose_ros.engines.profiles import batches_up_to
from metric_pose_ros.geometry.body_crop import can_look_at_bodies, look_at_body, look_at_keypoints
from metric_pose_ros.geometry.camera import Camera
from metric_pose_ros.geometry.crop import Crop, look_at, sample
from metric_pose_ros.given import as_detections, check_detections, check_image
from metric_pose_ros.image_network import ImagePoseNetwork, open_pose_network
from metric_pose_ros.models import ModelFile
from metric_pose_ros.nearest import nearest_detections
from metric_pose_ros.people import Detection, Person
from metric_pose_ros.placing import Placing
from metric_pose_ros.pose_network import PoseBatch, PoseNetwork
from metric_pose_ros.skeleton import Skeleton
from metric_pose_ros.views import average, check_mirrored, looks

Floats = npt.NDArray[np.floating]
Image = npt.NDArray[np.uint8]
_Frame = tuple[Image, Camera, Sequence[Detection]]


class PoseEstimator:
    """Finds everyone in an image and says where they are, in metres.

    Args:
        model: a pose model: ``heavy``, ``fast``, a shipped name or a path; or a network that runs already.
        engine: one of `metric_pose_ros.engines.ENGINES`; of no meaning for a network that runs already.
        detector: ``movenet``, ``nanodet``, a path to a detector file, your own `Detector`, or None where boxes always
            come from outside.
        threads: at most so many CPU threads for each network.
        mirror: average over each crop and its mirror image; slower, slightly better.
        max_people: looked at in one image; with more boxes, those that seem nearest are taken.
        detector_threads: at most so many for the detector alone, which should be 1 where it works in the background.
        views: average over so many looks at each person, turned, zoomed and mirrored; 5 as in MeTRAbs. So many times
            slower.
        skeleton: name of the one that people shall have, of those the model speaks; its first if not given. Of no
            meaning for a network that runs already.
        only_plausible: drop poses that cannot be a person's, and the same person found twice. Without it every box
            that is looked at gives a person, however wrong, the surest box first and equally sure ones in their order;
            NaN where the network said so.

    Attributes:
        model: the model's file; None for a network that was given.
        max_people: as above.
        timings: seconds per stage of the latest call: ``detection``, ``crop``, ``network``, ``placement``.
        on_gpu: whether that is a GPU.

    Raises:
        FileNotFoundError: if a model does not exist.
        ValueError: if a model file or an argument cannot be used.
    """

    def __init__(
        self,
        model: str | Path | PoseNetwork = "metric_pose_heavy",
        engine: str = "auto",
        detector: str | Detector | None = "movenet",
        threads: int = 2,
        mirror: bool = False,
        max_people: int = 16,
        detector_threads: int | None = None,
        views: int = 1,
        only_plausible: bool = True,
        skeleton: str | None = None,
    ) -> None:
        self.model: ModelFile | None = None
        if isinstance(model, PoseNetwork):
            self._network = model
        else:
            self.model = ModelFile.open(model)
            self._network = open_pose_network(self.model, engine, threads, skeleton, batches_up_to(max_people))
        self.info = self._network.info
        self.on_gpu = self._network.on_gpu
        if isinstance(detector, str):
            detector = open_detector(detector, threads if detector_threads is None else detector_threads)
        self.detector = detector
        self.timings: dict[str, float] = {}
        self.max_people = max_people
        self._views = looks(views, mirror)
        check_mirrored(self._views, self.skeleton)
        self._by_bodies = self.info.body_scale > 0 and can_look_at_bodies(self.skeleton)
        self._placing = Placing(self.info, only_plausible)
        self._batch = np.zeros((1, 3, self.info.crop_side, self.info.crop_side), np.float32)

    @classmethod
    def default(cls) -> PoseEstimator:
        """The shipped default model and detector on the best engine of this machine."""
        return cls()

    @property
    def skeleton(self) -> Skeleton:
        """Names and bones of every person's joints."""
        return self.info.skeleton

    @property
    def description(self) -> str:
        """What runs the network now, on what, and why."""
        file = f"; SHA-256 {self.model.sha256[:12]}, {self.model.vouched}" if self.model is not None else ""
        return self._network.description + file

    @property
    def trouble(self) -> str:
        """What keeps the networks from running as they should, in words; empty if nothing does."""
        return "; ".join(filter(None, [getattr(self._network, "trouble", ""), trouble_of(self.detector)]))

    def __call__(self, image_bgr: Image, camera: Camera) -> list[Person]:
        """Detects and places everyone.

        Args:
            image_bgr: (height, width, 3) uint8 as the camera gave it, distortion included.
            camera: that took the image.

        Raises:
            ValueError: if the image is not such an array, or not of the camera's size.
        """
        check_image(image_bgr, camera)
        detections = self.detect(image_bgr)
        seconds = self.timings["detection"]
        (people,) = self._people([(image_bgr, camera, detections)])
        self.timings["detection"] = seconds
        return people

    def detect(self, image_bgr: Image) -> list[Detection]:
        """Boxes of the people in an image, without poses.

        Raises:
            ValueError: if this estimator was made without a detector, or the image is no (height, width, 3) uint8
            array.
        """
        check_image(image_bgr)
        if self.detector is None:
            raise ValueError(
                "this estimator has no detector: give boxes to estimate(), or make it with detector='movenet'"
            )
        self.timings["detection"] = 0.0
        with self._timed("detection"):
            return self.detector(image_bgr)

    def estimate(
        self,
        image_bgr: Image,
        camera: Camera,
        boxes: npt.ArrayLike,
        scores: npt.ArrayLike | None = None,
        expected: Sequence[Floats | None] | None = None,
    ) -> list[Person]:
        """Places the people in boxes that come from elsewhere.

        Args:
            image_bgr: (height, width, 3) uint8 as the camera gave it, distortion included.
            camera: that took the image.
            boxes: (N, 4) xyxy px, each at least partly inside the image.
            scores: (N,) 0..1 how sure the boxes are; 1 if not given.
            expected: for each box, (J, 3) m where that person's joints should be about now, in the camera's frame, or
                None. It says whom of several people in a box is meant, see `bystanders`, and how to look at that
                person, see `body_crop`, instead of a first look at the box; the answer does not begin with it.

        Returns:
            At most N people; boxes in which no plausible person stands give none.

        Raises:
            ValueError: if a box is not finite, has no size or lies outside the image; the message names the box.
        """
        (people,) = self.estimate_many([(image_bgr, camera, as_detections(boxes, scores, expected))])
        return people

    def estimate_many(self, frames: Sequence[tuple[Image, Camera, Sequence[Detection]]]) -> list[list[Person]]:
        """Places the people in boxes of several images, of one camera or of many, with all crops in one batch.

        Args:
            frames: image, camera and detections of each; boxes as in `estimate`.

        Returns:
            the people of each image.

        Raises:
            ValueError: as `estimate`.
        """
        for image_bgr, camera, detections in frames:
            check_image(image_bgr, camera)
            check_detections(detections, camera)
        self.timings["detection"] = 0.0
        return self._people(frames)

    def _people(self, frames: Sequence[_Frame]) -> list[list[Person]]:
        frames = [
            (image, camera, nearest_detections(detections, camera, self.max_people))
            for image, camera, detections in frames
        ]
        self.timings |= {"crop": 0.0, "network": 0.0, "placement": 0.0}
        if not any(detections for _, _, detections in frames):
            return [[] for _ in frames]
        with self._timed("crop"):
            crops = [self._crops(camera, detections) for _, camera, detections in frames]
        poses = self._see(frames, crops)
        if self._by_bodies:
            self._look_again(frames, crops, poses)
        with self._timed("placement"):
            people: list[list[Person]] = []
            start = 0
            for (_, camera, detections), mine in zip(frames, crops, strict=True):
                part = poses.part(start, start + len(mine))
                start += len(mine)
                people.append(self._placing(camera, detections, mine, part))
            return people

    def _see(self, frames: list[_Frame], crops: list[list[Crop]]) -> PoseBatch:
        """What the network says of the crops of all frames, one for each of their detections, in a row."""
        with self._timed("crop"):
            looked = [[view.turn(crop) for crop in mine for view in self._views] for mine in crops]
            masks = [self._masks(mine, found) for mine, (_, _, found) in zip(looked, frames, strict=True)]
            whole = self._for_whole_image(frames, masks)
            batch = self._look(frames, looked, masks) if whole is None else self._batch[:0]
        with self._timed("network"):
            if whole is None:
                return self._poses(batch, crops, looked)
            image, camera, _ = frames[0]
            return whole.look(image, camera, crops[0])

    def _look_again(self, frames: list[_Frame], crops: list[list[Crop]], poses: PoseBatch) -> None:
        """Looks at strangers a second time, at their bodies; puts in place the crops and what was found in them."""
        again: list[_Frame] = []
        closer: list[list[Crop]] = []
        rows: list[int] = []
        start = 0
        with self._timed("crop"):
            for (image, camera, detections), mine in zip(frames, crops, strict=True):
                bodies = {
                    place: body
                    for place, crop in enumerate(mine)
                    if detections[place].expected is None
                    and (body := self._body_crop(crop.to_camera_frame(poses.absolute[start + place] / 1000)))
                }
                if bodies:
                    again.append((image, camera, [detections[place] for place in bodies]))
                    closer.append([*bodies.values()])
                    rows += [start + place for place in bodies]
                for place, body in bodies.items():
                    mine[place] = body
                start += len(mine)
        if rows:
            poses.put(rows, self._see(again, closer))

    def _crops(self, camera: Camera, detections: Sequence[Detection]) -> list[Crop]:
        """One crop per detection, looking at the body as far as it is known, else at the box."""
        side, scale = self.info.crop_side, self.info.crop_scale
        return [self._at_body(camera, each) or look_at(camera, each.box, side, scale) for each in detections]

    def _at_body(self, camera: Camera, detection: Detection) -> Crop | None:
        """The crop around the body, if the model wants that and something is known of it."""
        if not self._by_bodies:
            return None
        if detection.expected is None and detection.keypoints is not None:
            return look_at_keypoints(camera, detection.keypoints, self.info.crop_side, self.info.body_scale)
        return self._body_crop(detection.expected)

    def _body_crop(self, joints3d: Floats | None) -> Crop | None:
        """The crop around a body (J, 3) m in the camera's frame, if that is known and can be looked at."""
        if joints3d is None:
            return None
        return look_at_body(joints3d, self.skeleton, self.info.crop_side, self.info.body_scale)

    def _masks(self, looked: list[Crop], detections: Sequence[Detection]) -> list[Mask | None]:
        """What to paint over in all looks at the people of one image."""
        expected = [detection.expected for detection in detections]
        if sum(joints is not None for joints in expected) < 2:
            return [None] * len(looked)
        return [others(crop, look // len(self._views), expected, self.skeleton) for look, crop in enumerate(looked)]

    def _for_whole_image(self, frames: list[_Frame], masks: list[list[Mask | None]]) -> ImagePoseNetwork | None:
        """The network, if it can cut its crops itself: of one image, each once, with nobody to be painted over."""
        network = self._network
        if not isinstance(network, ImagePoseNetwork) or len(frames) > 1 or self._views != looks(1, False):
            return None
        crowded = any(mask is not None for mask in masks[0])
        return network if network.takes(frames[0][1]) and not crowded else None

    def _look(
        self, frames: list[_Frame], looked: list[list[Crop]], masks: list[list[Mask | None]]
    ) -> npt.NDArray[np.float32]:
        """The pixels of all looks at all people, in a row."""
        count = sum(map(len, looked))
        if len(self._batch) < count:
            self._batch = np.zeros((count, *self._batch.shape[1:]), np.float32)
        start = 0
        for (image, camera, _), crops, covered in zip(frames, looked, masks, strict=True):
            pixels = self._batch[start : start + len(crops)]
            sample(image, camera, crops, pixels)
            for crop_pixels, mask in zip(pixels, covered, strict=True):
                if mask is not None:
                    paint_over(crop_pixels, mask)
            start += len(crops)
        for number in range(count):
            self._views[number % len(self._views)].show(self._batch[number])
        return self._batch[:count]

    def _poses(self, batch: npt.NDArray[np.float32], crops: list[list[Crop]], looked: list[list[Crop]]) -> PoseBatch:
        """One pose per crop, in its frame, of the looks at it."""
        poses = self._network(batch, np.stack([crop.K for mine in looked for crop in mine]))
        if len(self._views) == 1:
            return poses
        intrinsics = np.stack([crop.K for mine in crops for crop in mine])
        return average(poses, self._views, intrinsics, self.skeleton, self.info.crop_side, self.info.stride)

    @contextmanager
    def _timed(self, stage: str) -> Iterator[None]:
        start = time.perf_counter()
        try:
            yield
        finally:
            self.timings[stage] = self.timings.get(stage, 0.0) + time.perf_counter() - start
