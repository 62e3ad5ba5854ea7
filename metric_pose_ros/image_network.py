"""The pose network whose graph cuts its crops itself: image and homographies go in, so a GPU gets the image once."""

from __future__ import annotations

import hashlib
import inspect
import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from metric_pose_ros.engines import open_engine
from metric_pose_ros.engines.cache import GRAPHS, default_folder
from metric_pose_ros.engines.choice import missing
from metric_pose_ros.engines.profiles import BATCHES, LARGEST_SIDE
from metric_pose_ros.geometry.camera import Camera
from metric_pose_ros.geometry.crop import Crop
from metric_pose_ros.model_hashes import state
from metric_pose_ros.models import ModelError, ModelFile
from metric_pose_ros.pose_network import PoseBatch, PoseNetwork

logger = logging.getLogger(__name__)

TWIN = "_gpu"
"""What the name of a model's graph for GPUs ends in, beside the model or among the engines."""
_GPU_ENGINES = ("tensorrt", "tensorrt_rtx")


class ImagePoseNetwork(PoseNetwork):
    """Runs a graph that takes the whole image.

    It takes crops as well, as any pose network: they are laid out on a sheet, which is then its image.
    """

    def __call__(self, crops: npt.NDArray[np.float32], intrinsics: npt.NDArray[np.floating]) -> PoseBatch:
        most = (LARGEST_SIDE // crops.shape[2]) ** 2
        parts = [
            self._sheet(crops[start : start + most], intrinsics[start : start + most])
            for start in range(0, len(crops), most)
        ]
        if len(parts) == 1:
            return parts[0]
        names = ("joints2d", "relative", "absolute", "std")
        return PoseBatch(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))

    def _sheet(self, crops: npt.NDArray[np.float32], intrinsics: npt.NDArray[np.floating]) -> PoseBatch:
        """Poses in as many crops as one sheet holds."""
        count, _, side, _ = crops.shape
        columns = min(count, LARGEST_SIDE // side)
        rows = -(-count // columns)
        sheet = np.zeros((rows * side, columns * side, 3), np.uint8)
        homographies = np.tile(np.eye(3, dtype=np.float32), (count, 1, 1))
        for number, crop in enumerate(crops):
            top, left = number // columns * side, number % columns * side
            sheet[top : top + side, left : left + side] = np.rint(crop[::-1].transpose(1, 2, 0) * 255)
            homographies[number, :2, 2] = left, top
        return self._batch(sheet, homographies, intrinsics)

    def takes(self, camera: Camera) -> bool:
        """Whether a camera's images can be given whole.

        They must not be too large, and have no distortion, with which crops are no homographies of the image.
        """
        return camera.straight and max(camera.width, camera.height) <= LARGEST_SIDE

    def look(self, image_bgr: npt.NDArray[np.uint8], camera: Camera, crops: Sequence[Crop]) -> PoseBatch:
        """Poses in crops of an image.

        Args:
            image_bgr: (height, width, 3).
            camera: that took it.
            crops: N of them.

        Raises:
            ValueError: if this cannot be done, see `takes`.
        """
        if not self.takes(camera):
            raise ValueError(
                f"the camera has distortion, or its image of {camera.width}x{camera.height} a side of over "
                f"{LARGEST_SIDE} px: cut the crops first"
            )
        homographies = np.stack([camera.K @ crop.rotation.T @ np.linalg.inv(crop.K) for crop in crops])
        return self._batch(image_bgr, homographies, np.stack([crop.K for crop in crops]))

    def _batch(
        self, image: npt.NDArray[np.uint8], homographies: npt.NDArray, intrinsics: npt.NDArray[np.floating]
    ) -> PoseBatch:
        outputs = self._engine.run(
            image=np.ascontiguousarray(image),
            homographies=np.asarray(homographies, np.float32),
            intrinsics=np.asarray(intrinsics, np.float32),
        )
        return self._read(outputs, len(homographies))


def gpu_twin(model: ModelFile) -> ModelFile | None:
    """The graph for GPUs of the same weights.

    One that lies beside the model is taken as it is; else it is made, which takes seconds and the package ``onnx``, and
    kept among the engines.

    Returns:
        None if there is none and none can be made; the log says why.
    """
    if model.kind != "pose":
        return None
    try:
        return _twin_beside(model) or _made_twin(model)
    except ImportError as error:
        reason = f"{error} (pip install onnx)"
    except (OSError, ValueError) as error:
        reason = str(error)
    logger.warning("%s has no graph from image to joints, so crops are cut on the CPU: %s", model.path.name, reason)
    return None


def _twin_beside(model: ModelFile) -> ModelFile | None:
    """The graph for GPUs that lies beside a model; None if none does, or the log says why it is not used."""
    path = model.path.with_name(f"{model.path.stem}{TWIN}.onnx")
    if not path.is_file():
        return None
    try:
        twin = ModelFile.open(path)
    except (OSError, ModelError) as error:
        logger.warning("%s is not used: %s", path.name, error)
        return None
    if twin.metadata.get("made_from") == model.sha256:
        return twin
    logger.warning("%s is not made from this %s and is not used: remove it or make it again", path, model.path.name)
    return None


def _made_twin(model: ModelFile) -> ModelFile:
    """The graph for GPUs of a model, made now if it was not before.

    Raises:
        ImportError: if there is no package ``onnx``.
        ValueError: if none can be made of this model, or it does not find people where the model does.
        OSError: if it cannot be kept.
    """
    import metric_pose_ros.image_graph as maker

    recipe = hashlib.sha256(model.sha256.encode())
    # Another way to make it, or to cut crops, makes another graph.
    for source in (*sorted(Path(maker.__path__[0]).glob("*.py")), Path(inspect.getfile(Crop))):
        recipe.update(source.read_bytes())
    path = default_folder() / GRAPHS / recipe.hexdigest()[:16] / f"{model.path.stem}{TWIN}.onnx"
    if path.is_file():
        try:
            return ModelFile.open(path)
        except ModelError as error:
            logger.warning("%s: it is made again", error)
            path.unlink()
    from metric_pose_ros.image_graph.compose import write_image_graph

    logger.warning("making the graph from image to joints of %s", model.path.name)
    parity = write_image_graph(model.path, path)
    state(path)
    logger.warning("made %s; beside the CPU's way: %s", path, parity)
    return ModelFile.open(path)


def open_pose_network(
    model: ModelFile, engine: str, threads: int, skeleton: str | None = None, batches: Sequence[int] = BATCHES
) -> PoseNetwork:
    """A pose model, ready to run: on TensorRT as the graph that cuts its crops itself, if there is one.

    Args:
        model: to run.
        engine: one of `metric_pose_ros.engines.ENGINES`.
        threads: at most so many CPU threads.
        skeleton: name of the one that people shall have; the model's first if not given.
        batches: crops of one batch at which a GPU engine is to be fastest.

    Raises:
        ValueError: if the model or the engine cannot be used.
    """
    info = model.pose_info(skeleton)
    if model.kind == "pose_from_image":
        return ImagePoseNetwork(open_engine(model, engine, threads, batches), info)
    kinds = _GPU_ENGINES if engine == "auto" else (engine,) if engine in _GPU_ENGINES else ()
    twin = gpu_twin(model) if any(missing(kind) is None for kind in kinds) else None
    if twin is not None:
        for kind in (kind for kind in kinds if missing(kind) is None):
            try:
                return ImagePoseNetwork(open_engine(twin, kind, threads, batches), info)
            except ValueError as error:
                logger.warning("%s does not run on %s: %s", twin.path.name, kind, error)
    return PoseNetwork(open_engine(model, engine, threads, batches), info)
