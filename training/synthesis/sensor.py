"""What a camera does to a picture: resolution, focus, motion, exposure, noise, compression; things before the lens."""

from __future__ import annotations

import cv2
import numpy as np


def hide_behind_shapes(
    rng: np.random.Generator, image: np.ndarray, photographs: list[np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    """Puts one or two flat shapes in front.

    Args:
        image: (S, S, 3) float32, 0..1.

    Returns:
        the image and a (S, S) bool mask of what is hidden now.
    """
    side = image.shape[0]
    hidden = np.zeros((side, side), bool)
    for _ in range(rng.integers(1, 3)):
        mask = np.zeros((side, side), np.float32)
        x, y = rng.uniform(0.05, 0.95, 2) * side
        radius = rng.uniform(0.05, 0.2) * side
        kind = rng.integers(3)
        if kind == 0:
            axes = (int(radius), int(radius * rng.uniform(0.4, 1)))
            cv2.ellipse(mask, (int(x), int(y)), axes, rng.uniform(0, 180), 0, 360, 1.0, -1, cv2.LINE_AA)
        elif kind == 1:
            size = (radius * rng.uniform(0.5, 3), radius * rng.uniform(0.4, 1.5))
            corners = cv2.boxPoints(((float(x), float(y)), size, float(rng.uniform(0, 180)))).astype(np.int32)
            cv2.fillPoly(mask, [corners], 1.0, cv2.LINE_AA)
        else:
            angles = np.sort(rng.uniform(0, 2 * np.pi, rng.integers(5, 10)))
            reach = radius * rng.uniform(0.5, 1.4, (2, len(angles)))
            outline = np.stack([x + reach[0] * np.cos(angles), y + reach[1] * np.sin(angles)], 1)
            cv2.fillPoly(mask, [outline.astype(np.int32)], 1.0, cv2.LINE_AA)
        if photographs:
            photograph = photographs[rng.integers(len(photographs))]
            top = rng.integers(max(1, photograph.shape[0] - side))
            left = rng.integers(max(1, photograph.shape[1] - side))
            piece = np.ascontiguousarray(photograph[top : top + side, left : left + side])
            cover = cv2.resize(piece, (side, side)).astype(np.float32) / 255 * rng.uniform(0.6, 1.1)
        else:
            cover = np.full((side, side, 3), rng.uniform(0, 1, 3), np.float32)
        image = image * (1 - mask[..., None]) + cover * mask[..., None]
        hidden |= mask > 0.5
    return image.astype(np.float32), hidden


def expose(rng: np.random.Generator, linear: np.ndarray, person: np.ndarray) -> np.ndarray:
    """Linear colours (S, S, 3) to gamma-encoded 0..1, exposed for the picture, the person (mask (S, S)) or neither."""
    kind = rng.random()
    if kind < 0.85:
        metered = linear[person] if kind < 0.5 and person.sum() > 50 else linear
        white = np.percentile(metered, rng.uniform(85, 99))
        linear = linear * np.clip(rng.uniform(0.5, 0.9) / max(0.02, white), 0.3, 4)
    return np.clip(linear, 0, 1) ** (1 / 2.2)


def degrade(rng: np.random.Generator, image: np.ndarray, real_scale: float) -> np.ndarray:
    """Lens, sensor and codec.

    Args:
        image: (S, S, 3) float32 RGB 0..1; real_scale: the real image's pixels per crop pixel; below one, the person
            is seen by fewer pixels than the crop has.

    Returns:
        (S, S, 3) uint8.
    """
    side = image.shape[0]
    if real_scale < 1:
        few = max(24, int(side * real_scale))
        image = cv2.resize(image, (few, few), interpolation=cv2.INTER_AREA)
    size = image.shape[0]
    if rng.random() < 0.3:
        image = cv2.GaussianBlur(image, (0, 0), rng.uniform(0.3, 1.3) * size / side)
    if rng.random() < 0.08:
        length = max(3, int(rng.uniform(3, 11) * size / side))
        kernel = np.zeros((length, length), np.float32)
        angle = rng.uniform(0, np.pi)
        reach = np.array([np.cos(angle), np.sin(angle)]) * (length - 1) / 2
        middle = (length - 1) / 2
        start, end = middle - reach, middle + reach
        cv2.line(kernel, (round(start[0]), round(start[1])), (round(end[0]), round(end[1])), 1.0)
        image = cv2.filter2D(image, -1, kernel / max(kernel.sum(), 1e-6))
    image = image * (1 + rng.normal(0, 0.05, 3)) + rng.normal(0, 0.03)
    if rng.random() < 0.06:
        image = np.repeat(image.mean(-1, keepdims=True), 3, -1)
    contrast = rng.normal(1, 0.12)
    image = (image - 0.5) * contrast + 0.5
    strength = rng.uniform(0, 0.03) if rng.random() < 0.85 else rng.uniform(0.03, 0.08)
    image = image + rng.standard_normal(image.shape, dtype=np.float32) * strength
    pixels = (np.clip(image, 0, 1) * 255).astype(np.uint8)
    if rng.random() < 0.5:
        encoded = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, int(rng.uniform(30, 95))])[1]
        pixels = np.asarray(cv2.imdecode(encoded, cv2.IMREAD_COLOR))
    if real_scale < 1:
        smooth = cv2.INTER_LINEAR if rng.random() < 0.8 else cv2.INTER_CUBIC
        pixels = cv2.resize(np.ascontiguousarray(pixels), (side, side), interpolation=smooth)
    return np.ascontiguousarray(pixels)
