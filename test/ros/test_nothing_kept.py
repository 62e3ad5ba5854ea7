"""The node keeps no images: what it leaves on the disk is ROS' own log."""

from pathlib import Path

import numpy as np

from metric_pose_ros.messages import images
from test.ros.graph import CAMERA, Bench, Running, wait_until


def test_a_node_that_saw_people_leaves_a_log_and_nothing_of_their_images(bench: Bench, tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 255, (CAMERA.height, CAMERA.width, 3)).astype(np.uint8)
    pixels[0, 0, 0] = 2
    with Running.people_in_the_image(HOME=str(tmp_path), TMPDIR=str(tmp_path), ROS_HOME=str(tmp_path / "ros")) as node:
        bench.wait_for_node()
        for topic in ("markers", "overlay"):
            bench.listen(topic)

        def seen() -> bool:
            bench.send_info()
            bench.send(images.from_bgr(bench.types, bench.header(), pixels))
            return len(bench.heard["overlay"]) >= 3

        wait_until(seen, "three overlays", every_s=0.1)
        assert node.stop() == 0
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert [str(path) for path in files if path.suffix != ".log"] == []
    row = pixels[1].tobytes()[:24]
    assert not any(row in path.read_bytes() for path in files)
