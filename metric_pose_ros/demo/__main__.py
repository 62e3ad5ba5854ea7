"""``./run demo``: plays a video through the real node over real ROS 2 topics, and keeps what came out.

In ``out/demo/``: ``overlay.mp4`` (what the camera saw, with skeletons), ``skeletons.png`` (the published markers in
space), ``skeletons.rrd`` (the same for Rerun), ``demo.mcap`` (a bag) and the processes' logs. On the terminal: a table.
"""

from __future__ import annotations

import argparse
import contextlib
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
import numpy.typing as npt
import yaml
from tqdm import tqdm

from metric_pose_ros.demo import clip, processes
from metric_pose_ros.geometry.camera import Camera
from metric_pose_ros.models import ModelFile

if TYPE_CHECKING:
    from metric_pose_ros.demo.recorder import Recorder

_DEFAULT_FOV = 60.0
_VIDEO_RATE = 15.0
"""Frames per second of the overlay where none were asked for: slow enough to look at."""
_STARTING_S = 60.0
_QUIET_S = 3.0
"""After the video's end, so long without an answer means that no more will come."""


@dataclass(frozen=True, eq=False)
class Job:
    """What is played.

    Attributes:
        video: path or webcam number.
        camera_file: its calibration.
        camera: the same.
        frames: that will come; 0 if nobody knows, as for a webcam.
        up: (3,) in the camera's frame, if known.
        true_hips: (frames, 3) metres, the middle between the walking man's hips in each frame, if known.
        title: for the picture.
    """

    video: str
    camera_file: Path
    camera: Camera
    frames: int
    up: npt.NDArray[np.floating] | None
    true_hips: npt.NDArray[np.floating] | None
    title: str


def main(argv: list[str] | None = None) -> int:
    """Runs the demo; returns the exit status."""
    arguments = _parser().parse_args(argv)
    arguments.out.mkdir(parents=True, exist_ok=True)
    processes.isolate()
    try:
        job = _users_video(arguments) if arguments.video is not None else _shipped_clip(arguments)
        _play(job, arguments)
    except (clip.ClipUnavailableError, processes.ProcessFailedError, FileNotFoundError, ValueError, OSError) as error:
        print(f"demo: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("demo: stopped; what was recorded so far is kept", file=sys.stderr)
        return 130
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="./run demo", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--video", metavar="FILE_OR_INDEX", help="your own video file, or a webcam's number")
    parser.add_argument("--camera", type=Path, metavar="YAML", help="its calibration, as camera_calibration writes it")
    parser.add_argument(
        "--fov", type=float, default=_DEFAULT_FOV, help="without --camera: degrees that the longer side spans"
    )
    parser.add_argument(
        "--view", choices=("cam01", "cam02", "cam03", "cam04"), default=clip.BEST_VIEW, help="of the clip"
    )
    parser.add_argument("--model", default="heavy", help="heavy, fast, or a path to a model file")
    parser.add_argument(
        "--rate",
        type=float,
        default=0.0,
        help="play at so many frames per second; by default, as fast as the node answers",
    )
    parser.add_argument("--frames", type=int, default=0, help="stop after so many (a webcam has no end of its own)")
    parser.add_argument("--out", type=Path, default=Path("out/demo"), help="folder for the results")
    return parser


def _shipped_clip(arguments: argparse.Namespace) -> Job:
    cache = Path(__file__).parents[2] / ".cache" / "clip"
    if not cache.is_dir():
        print(f"fetching the clip: {clip.SOURCE}, 51 MB")
    files = clip.fetch(cache)
    view = clip.views(files["calibration"].read_text(encoding="utf-8"))[arguments.view]
    camera_file = arguments.out / "camera.yaml"
    camera_file.write_text(_calibration(view.camera, view.name), encoding="utf-8")
    truth = None
    with contextlib.suppress(FileNotFoundError):
        from metric_pose_ros.demo import truth as clip_truth

        truth = clip_truth.for_view(view.name).hips
    title = f"{clip.SOURCE}, {view.name}, as published by metric_pose_node ({arguments.model})"
    video = str(files[view.name])
    return Job(video, camera_file, view.camera, _frames(video), view.rotation[:, 2], truth, title)


def _users_video(arguments: argparse.Namespace) -> Job:
    video = arguments.video
    capture = cv2.VideoCapture(int(video) if video.isdigit() else video)
    width, height = (int(capture.get(key)) for key in (cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT))
    capture.release()
    if width <= 0 or height <= 0:
        raise ValueError(f"cannot open {video}: expected a video file, or the number of a webcam that is plugged in")
    camera_file = arguments.camera
    if camera_file is None:
        print(
            f"demo: warning: no --camera given, so a field of view of {arguments.fov:g} degrees is assumed; "
            "distances are only as good as that",
            file=sys.stderr,
        )
        camera = Camera.from_fov(width, height, arguments.fov)
        camera_file = arguments.out / "camera.yaml"
        camera_file.write_text(_calibration(camera, "assumed"), encoding="utf-8")
    camera = Camera.from_yaml(camera_file)
    return Job(video, camera_file, camera, 0 if video.isdigit() else _frames(video), None, None, Path(video).name)


def _frames(video: str) -> int:
    capture = cv2.VideoCapture(video)
    frames = max(int(capture.get(cv2.CAP_PROP_FRAME_COUNT)), 0)
    capture.release()
    return frames


def _calibration(camera: Camera, name: str) -> str:
    """A camera in the format of ROS' camera_calibration."""
    model = "plumb_bob" if camera.model == "pinhole" else camera.model
    distortion = camera.distortion if camera.distortion.size else np.zeros(5)
    content = {
        "image_width": camera.width,
        "image_height": camera.height,
        "camera_name": name,
        "camera_matrix": {"rows": 3, "cols": 3, "data": camera.K.ravel().tolist()},
        "distortion_model": model,
        "distortion_coefficients": {"rows": 1, "cols": len(distortion), "data": distortion.tolist()},
    }
    return yaml.safe_dump(content, sort_keys=False)


def _play(job: Job, arguments: argparse.Namespace) -> None:
    # ROS is imported only now, so that a wrong argument is answered at once.
    from metric_pose_ros.demo import picture
    from metric_pose_ros.demo.recorder import Recorder
    from metric_pose_ros.demo.summary import table

    # A webcam does not wait, and asks for its own pace.
    step = not arguments.rate and not job.video.isdigit()
    out, skeleton = arguments.out, ModelFile.open(arguments.model).pose_info().skeleton
    total = min(job.frames, arguments.frames) if job.frames and arguments.frames else job.frames or arguments.frames
    with (
        tqdm(total=total or None, unit="frame", desc="playing") as bar,
        processes.RosProcess("metric_pose_ros.ros.node", out / "node.log", model=arguments.model) as node,
        Recorder(out, arguments.rate or _VIDEO_RATE, skeleton, bar.update, step) as recorder,
    ):
        _wait_for_node(recorder, node)
        player = processes.RosProcess(
            "metric_pose_ros.ros.video_player",
            out / "player.log",
            video=job.video,
            camera_yaml=job.camera_file.resolve(),
            rate=arguments.rate,
            step=step,
            wait_for_subscribers=2,
        )
        with player:
            recorder.expect_images()
            while not player.ended and not (arguments.frames and len(recorder.run.people) >= arguments.frames):
                recorder.listen(0.2)
                node.ended  # noqa: B018  # raises if it died
        answered, since = -1, time.monotonic()
        while not recorder.idle or (
            len(recorder.run.people) < len(recorder.run.stamps) and time.monotonic() - since < _QUIET_S
        ):
            if len(recorder.run.people) != answered:
                answered, since = len(recorder.run.people), time.monotonic()
            recorder.listen(0.1)
    if not recorder.run.stamps:
        raise processes.ProcessFailedError(f"no image came from the player; the end of its log:\n{player.tail()}")
    picture.draw(out / "skeletons.png", recorder.markers, job.camera, job.up, job.title)
    print(table(recorder.run, skeleton, job.true_hips))
    pace = f"played at {arguments.rate:g} frames/s" if arguments.rate else "played frame by frame as answers came"
    print(f"{pace}, model {arguments.model}. In {out}/: overlay.mp4, skeletons.png, skeletons.rrd (rerun), demo.mcap")


def _wait_for_node(recorder: Recorder, node: processes.RosProcess) -> None:
    deadline = time.monotonic() + _STARTING_S
    while not recorder.node_listens():
        if node.ended or time.monotonic() > deadline:
            raise processes.ProcessFailedError(
                f"the node does not listen to the camera; the end of its log:\n{node.tail()}"
            )
        recorder.listen(0.1)


if __name__ == "__main__":
    sys.exit(main())
