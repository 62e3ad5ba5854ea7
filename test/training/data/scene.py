"""Made-up people with dots painted on some joints, and what must be true of their samples."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from scipy.spatial.distance import pdist

from training.__main__ import main
from training.data.shards import Problems, Sample, read_samples, shard_paths

COLOURS = ((255, 0, 0), (0, 255, 0), (0, 0, 255))
"""RGB of the dots on the first three painted joints."""
GREY = 90


def body(seed: int, joints: int, centre: tuple[float, float, float] = (0, 0, 4000), spread: float = 250) -> np.ndarray:
    """(joints, 3) mm around a point."""
    return np.random.default_rng(seed).normal(0, spread, (joints, 3)).clip(-2 * spread, 2 * spread) + np.array(centre)


def apart(points: np.ndarray, chosen: tuple[int, int, int]) -> bool:
    """Whether the dots would not touch each other."""
    return bool(pdist(points[list(chosen)]).min() > 14)


def paint(width: int, height: int, points: np.ndarray, joints: tuple[int, int, int], radius: int = 4) -> np.ndarray:
    """(height, width, 3) BGR grey picture with dots on three joints at (J, 2) px."""
    image = np.full((height, width, 3), GREY, np.uint8)
    for joint, colour in zip(joints, COLOURS, strict=True):
        x, y = points[joint]
        shift = 6
        centre = (round(x * 2**shift), round(y * 2**shift))
        cv2.circle(image, centre, radius * 2**shift, colour[::-1], -1, cv2.LINE_AA, shift)
    return image


def dot(image_rgb: np.ndarray, colour: tuple[int, int, int]) -> np.ndarray:
    """(2,) px of the centre of a dot of a colour."""
    difference = image_rgb.astype(float) - GREY
    direction = np.array(colour, float) - GREY
    weight = difference @ direction / (direction @ direction)
    weight[weight < 0.5] = 0
    assert weight.sum() > 3, f"no dot of the colour {colour} in the picture"
    y, x = np.indices(weight.shape)
    return np.array([(weight * x).sum(), (weight * y).sum()]) / weight.sum()


def convert(*arguments: object) -> int:
    """Runs `python -m training convert ...` in this process."""
    return main(["convert", *(str(argument) for argument in arguments), "--workers", "1"])


def samples(out: Path, split: str) -> dict[str, Sample]:
    """All samples of a split by key, none of which may be broken."""
    problems = Problems()
    found = {sample.key: sample for sample in read_samples(shard_paths(out, split), problems)}
    assert not problems.counts
    return found


def check(sample: Sample, source_mm: np.ndarray, painted: tuple[int, int, int], within_px: float = 0.7) -> None:
    """The 3D labels project to the 2D labels, keep the source's distances, and lie where the dots are."""
    homogeneous = sample.joints_mm.astype(float) @ sample.intrinsics.astype(float).T
    np.testing.assert_allclose(homogeneous[:, :2] / homogeneous[:, 2:], sample.joints_px, atol=0.02)
    np.testing.assert_allclose(pdist(sample.joints_mm), pdist(source_mm), atol=0.05)
    np.testing.assert_allclose(np.linalg.norm(sample.joints_mm, axis=1), np.linalg.norm(source_mm, axis=1), atol=0.05)
    check_dots(sample, painted, within_px)


def check_dots(sample: Sample, painted: tuple[int, int, int], within_px: float = 0.7) -> None:
    """The 2D labels lie in the box, and where the dots in and around it are."""
    x1, y1 = (max(round(float(value)) - 7, 0) for value in sample.box[:2])
    x2, y2 = (round(float(value)) + 7 for value in sample.box[2:])
    boxed = np.full_like(sample.image, GREY)
    boxed[y1:y2, x1:x2] = sample.image[y1:y2, x1:x2]
    for joint, colour in zip(painted, COLOURS, strict=True):
        assert np.linalg.norm(dot(boxed, colour) - sample.joints_px[joint]) < within_px
        assert sample.visibility[joint] == 2
        assert (sample.joints_px[joint] > sample.box[:2]).all()
        assert (sample.joints_px[joint] < sample.box[2:]).all()


def write_video(path: Path, images: list[np.ndarray], codec: str) -> None:
    """Writes (H, W, 3) BGR pictures as a video."""
    path.parent.mkdir(parents=True, exist_ok=True)
    height, width = images[0].shape[:2]
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*codec), 25, (width, height))
    assert writer.isOpened()
    for image in images:
        writer.write(image)
    writer.release()


def write_picture(path: Path, image: np.ndarray) -> None:
    """Writes a BGR picture as JPEG."""
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), image, [cv2.IMWRITE_JPEG_QUALITY, 98])
