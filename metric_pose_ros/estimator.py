"""From a frame to people in metres: detect, look at each, estimate, place, drop what cannot be."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import numpy.typing as npt

from metric_pose_ros.detection import Detector, open_detector, trouble_of
from metric_pose_ros.engines.profiles import batches_up_to
from metric_pose_ros.geometry.camera import Camera
from metric_pose_ros.given import as_detections, check_detections, check_image
from metric_pose_ros.image_network import open_pose_network
from metric_pose_ros.looking import Looking
from metric_pose_ros.models import ModelFile
from metric_pose_ros.nearest import nearest_detections
from metric_pose_ros.people import Detection, Person
from metric_pose_ros.placing import Placing
from metric_pose_ros.pose_network import PoseNetwork
from metric_pose_ros.skeleton import Skeleton

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
            network = model
        else:
            self.model = ModelFile.open(model)
            network = open_pose_network(self.model, engine, threads, skeleton, batches_up_to(max_people))
        self.info = network.info
        self.on_gpu = network.on_gpu
        if isinstance(detector, str):
            detector = open_detector(detector, threads if detector_threads is None else detector_threads)
        self.detector = detector
        self.timings: dict[str, float] = {}
        self.max_people = max_people
        self._looking = Looking(network, views, mirror, self._timed)
        self._placing = Placing(self.info, only_plausible)

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
        return self._looking.network.description + file

    @property
    def trouble(self) -> str:
        """What keeps the networks from running as they should, in words; empty if nothing does."""
        return "; ".join(filter(None, [getattr(self._looking.network, "trouble", ""), trouble_of(self.detector)]))

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
        scenes, poses = self._looking(frames)
        with self._timed("placement"):
            people: list[list[Person]] = []
            start = 0
            for scene in scenes:
                part = poses.part(start, start + len(scene.crops))
                start += len(scene.crops)
                people.append(self._placing(scene.camera, scene.detections, scene.crops, part))
            return people

    @contextmanager
    def _timed(self, stage: str) -> Iterator[None]:
        start = time.perf_counter()
        try:
            yield
        finally:
            self.timings[stage] = self.timings.get(stage, 0.0) + time.perf_counter() - start
