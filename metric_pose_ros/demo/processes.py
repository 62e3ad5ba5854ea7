"""The node and the player as processes of their own, on a private part of the ROS graph."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from types import TracebackType

IMAGE, CAMERA_INFO = "/camera/image", "/camera/camera_info"

_STOPPING_S = 10.0


class ProcessFailedError(RuntimeError):
    """A process of the demo ended early; the message holds the end of its log."""


def isolate() -> None:
    """Gives this process, and those it starts, a ROS graph that nothing else on the network sees."""
    os.environ.setdefault("ROS_DOMAIN_ID", str(1 + os.getpid() % 100))
    os.environ["ROS_AUTOMATIC_DISCOVERY_RANGE"] = "LOCALHOST"
    if os.environ.get("ROS_DISTRO") == "humble":
        os.environ["ROS_LOCALHOST_ONLY"] = "1"
    profile = Path(__file__).parents[2] / "config" / "fastdds_shm.xml"
    if profile.is_file():
        for name in ("FASTRTPS_DEFAULT_PROFILES_FILE", "FASTDDS_DEFAULT_PROFILES_FILE"):  # the latter since Kilted
            os.environ.setdefault(name, str(profile))


class RosProcess:
    """A node of this package, run as ``python -m MODULE --ros-args ...`` with its output in a log.

    Args:
        module: such as ``metric_pose_ros.ros.node``.
        log: file that takes what the process prints.
        parameters: of the node.
    """

    def __init__(self, module: str, log: Path, **parameters: object) -> None:
        self._name, self._log = module.rsplit(".", 1)[1], log
        command = [
            sys.executable,
            "-m",
            module,
            "--ros-args",
            "-r",
            f"image:={IMAGE}",
            "-r",
            f"camera_info:={CAMERA_INFO}",
        ]
        for name, value in parameters.items():
            command += ["-p", f"{name}:={str(value).lower() if isinstance(value, bool) else value}"]
        with log.open("wb") as output:
            # In a session of its own, so that Ctrl+C reaches the demo, which then ends everything in order.
            self._process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, start_new_session=True)

    def __enter__(self) -> RosProcess:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def pid(self) -> int:
        """Number of the process."""
        return self._process.pid

    @property
    def ended(self) -> bool:
        """Whether the process is over.

        Raises:
            ProcessFailedError: if it ended with an error.
        """
        code = self._process.poll()
        if code:
            raise ProcessFailedError(f"{self._name} ended with exit code {code}; the end of its log:\n{self.tail()}")
        return code is not None

    def tail(self, lines: int = 15) -> str:
        """The last lines of the log."""
        return "\n".join(self._log.read_text(errors="replace").splitlines()[-lines:])

    def stop(self) -> None:
        """Ends the process as Ctrl+C does, or harder if it does not listen."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)
        try:
            self._process.wait(_STOPPING_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
