"""Runs in the environment that MediaPipe has for itself: answers one JSON line for every index it reads.

mediapipe_worker.py network MODEL.tflite CROPS.npy THREADS     crops (N, 256, 256, 3) uint8 RGB
mediapipe_worker.py solutions IMAGES.npy                       images (N, H, W, 3) uint8 RGB
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

Answer = Callable[[int], dict[str, Any]]


def network(model: str, crops_file: str, threads: str) -> Answer:
    """The landmark network alone: `landmarks` (39, 5) x, y, z px, visibility, presence; `world` (39, 3) metres."""
    from ai_edge_litert.interpreter import Interpreter

    crops = np.load(crops_file, mmap_mode="r")
    interpreter = Interpreter(model_path=model, num_threads=int(threads))
    interpreter.allocate_tensors()
    (entry,) = interpreter.get_input_details()
    exits = {int(np.prod(detail["shape"])): detail["index"] for detail in interpreter.get_output_details()}

    def run(index: int) -> dict[str, Any]:
        crop = np.ascontiguousarray(crops[index], dtype=np.float32)[None] / 255
        start = time.perf_counter()
        interpreter.set_tensor(entry["index"], crop)
        interpreter.invoke()
        seconds = time.perf_counter() - start
        return {
            "seconds": seconds,
            "landmarks": interpreter.get_tensor(exits[195]).reshape(39, 5).tolist(),
            "world": interpreter.get_tensor(exits[117]).reshape(39, 3).tolist(),
        }

    return run


def solutions(images_file: str) -> Answer:
    """MediaPipe's own Pose solution with the heavy model on whole images, tracking from frame to frame."""
    import mediapipe

    images = np.load(images_file, mmap_mode="r")
    pose = mediapipe.solutions.pose.Pose(model_complexity=2)

    def run(index: int) -> dict[str, Any]:
        image = np.ascontiguousarray(images[index])
        start = time.perf_counter()
        result = pose.process(image)
        return {"seconds": time.perf_counter() - start, "found": result.pose_landmarks is not None}

    return run


def main() -> None:
    """Says it is ready with an empty line, then answers until its input ends."""
    kind, *arguments = sys.argv[1:]
    kinds: dict[str, Callable[..., Answer]] = {"network": network, "solutions": solutions}
    answer = kinds[kind](*arguments)
    print("{}", flush=True)
    for line in sys.stdin:
        print(json.dumps(answer(int(line))), flush=True)


if __name__ == "__main__":
    main()
