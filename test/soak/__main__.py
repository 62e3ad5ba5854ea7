"""`./run soak`: the node for hours, with people, cameras and listeners that come and go.

    ./run soak                          200,000 frames, an hour or two
    ./run soak --frames 5000            a short one
    ./run soak --report out/soak        the verdicts of a soak that was cut off

A camera process publishes pictures of nobody, one or two men at 320x180, each when the node has answered the one
before; it is stopped or killed now and then, and started again. Subscribers of all topics come and go. What the node
costs goes into `samples.csv` line by line, every answer into `answers.bin`; at the end, or at Ctrl+C, come `soak.png`
and verdicts.
"""

from __future__ import annotations

import argparse
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from metric_pose_ros.demo import processes
from test.soak import answers, samples
from test.soak.plot import draw
from test.soak.samples import Sample
from test.soak.verdicts import judge

_SAMPLES, _ANSWERS, _PICTURES = "samples.csv", "answers.bin", "pictures.npy"


def main() -> int:
    """Runs a soak; returns 0 if every promise was kept, 1 if not."""
    parser = argparse.ArgumentParser(
        prog="./run soak", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--frames", type=int, default=200_000)
    parser.add_argument("--model", default="fast", help="heavy, fast or a path")
    parser.add_argument("--detector", default="nanodet", help="movenet (the node's default, slower) or nanodet")
    parser.add_argument("--detection-interval", type=int, default=30)
    parser.add_argument("--restart-every", type=int, default=10_000, help="frames of a camera process")
    parser.add_argument("--sample-every", type=float, default=10.0, help="seconds; listeners change at the same pace")
    parser.add_argument("--out", type=Path, default=Path("out/soak"), help="folder for the results")
    parser.add_argument("--report", type=Path, metavar="FOLDER", help="only judge what lies there")
    arguments = parser.parse_args()
    if arguments.report is None:
        arguments.out.mkdir(parents=True, exist_ok=True)
        for name in (_SAMPLES, _ANSWERS):
            (arguments.out / name).unlink(missing_ok=True)
        run(arguments)
    return report(arguments.report or arguments.out)


def run(arguments: argparse.Namespace) -> None:
    """Feeds the node until it has seen its frames, or until Ctrl+C."""
    processes.isolate()
    import rclpy

    from test.soak import pictures
    from test.soak.listeners import Listeners

    out = arguments.out
    pictures.save(out / _PICTURES)
    rclpy.init()
    bench = rclpy.create_node("soak")
    listeners = Listeners(bench)
    node = processes.RosProcess(
        "metric_pose_ros.ros.node",
        out / "node.log",
        model=arguments.model,
        detector=arguments.detector,
        detection_interval=arguments.detection_interval,
    )
    camera = Camera(out, arguments.restart_every)
    print(f"soak: {arguments.frames} frames, {arguments.model} with {arguments.detector}; Ctrl+C ends it with a report")
    started = time.monotonic()
    try:
        with node, camera:
            process, frames = psutil.Process(node.pid), 0
            while frames < arguments.frames and not node.ended:
                listeners.change()
                _listen(bench, arguments.sample_every)
                camera.look_after(frames)
                answered, before = answers.read(out / _ANSWERS), frames
                frames = len(answered)
                costs = samples.process_values(process)
                values = samples.answer_values(answered, before)
                entrances = pictures.entrances(max(frames - 1, 0))
                samples.append(
                    out / _SAMPLES,
                    Sample(
                        time.monotonic() - started,
                        **costs,
                        **values,
                        cameras=camera.started,
                        listeners=len(listeners),
                        entrances=entrances,
                    ),
                )
    except KeyboardInterrupt:
        print("soak: cut off; this is how far it came")
    except processes.ProcessFailedError as error:
        print(f"soak: this is how far it came: {error}")
    finally:
        print(f"soak: {listeners.heard} messages heard by those who came and went")
        bench.destroy_node()
        rclpy.try_shutdown()


class Camera:
    """The camera process, which is stopped or killed by turns and started again.

    Args:
        out: folder with the pictures, which takes the answers.
        restart_every: frames.

    Attributes:
        started: processes so far.
    """

    def __init__(self, out: Path, restart_every: int) -> None:
        self.started = 0
        self._command = [sys.executable, "-m", "test.soak.camera", str(out / _PICTURES), str(out / _ANSWERS)]
        self._log = (out / "camera.log").open("w")
        self._restart_every = restart_every

    def __enter__(self) -> Camera:
        self._start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end(signal.SIGINT)
        self._log.close()

    def look_after(self, frames: int) -> None:
        """Restarts the process if it has had its frames.

        Raises:
            ProcessFailedError: if it ended by itself.
        """
        if self._process.poll() is not None:
            raise processes.ProcessFailedError(f"the camera ended with {self._process.returncode}: see camera.log")
        if frames >= self.started * self._restart_every:
            self._end(signal.SIGKILL if self.started % 2 else signal.SIGINT)
            self._start()

    def _start(self) -> None:
        self.started += 1
        self._process = subprocess.Popen(self._command, stdout=self._log, stderr=self._log, start_new_session=True)

    def _end(self, how: signal.Signals) -> None:
        self._process.send_signal(how)
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def _listen(bench: Any, seconds: float) -> None:
    import rclpy

    until = time.monotonic() + seconds
    while (left := until - time.monotonic()) > 0:
        rclpy.spin_once(bench, timeout_sec=left)


def report(out: Path) -> int:
    """Prints and draws what lies in a folder; 0 if every promise was kept."""
    table, found = samples.read(out / _SAMPLES), answers.read(out / _ANSWERS)
    verdicts = judge(table, found)
    kept = all(verdict.kept for verdict in verdicts)
    lines = [f"{'kept  ' if verdict.kept else 'BROKEN'} {verdict.what}: {verdict.found}" for verdict in verdicts]
    hours, people = table["seconds"][-1] / 3600, np.bincount(found["there"])
    lines.append(
        f"{len(found)} frames in {hours:.2f} h, {table['cameras'][-1]:.0f} camera processes; frames with 0, 1, 2 "
        f"people: {', '.join(map(str, people))}; load of the machine {np.median(table['load']):.1f} (median)"
    )
    (out / "report.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    print("\n".join(lines))
    draw(out / "soak.png", table, f"{len(found)} frames through the node in {hours:.2f} h")
    return int(not kept)


if __name__ == "__main__":
    sys.exit(main())
