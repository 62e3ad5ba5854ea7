"""A soak as a picture: what the node cost, over frames."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt


def draw(file: Path, samples: dict[str, npt.NDArray[np.floating]], title: str) -> None:
    """Writes a PNG.

    Args:
        file: to write.
        samples: columns of `Sample`.
        title: of the picture.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(12, 11), layout="constrained")
    rows = figure.subplots(5, 1, sharex=True)
    frames = samples["frames"]
    spent = np.diff(samples["cpu_s"]) * 1e3 / np.maximum(np.diff(frames), 1)
    panels = (
        ("memory, MB", {"RSS": samples["rss_mb"], "own": samples["own_mb"]}),
        ("threads, descriptors", {"threads": samples["threads"], "descriptors": samples["descriptors"]}),
        ("latency, ms", {"p50": samples["p50_ms"], "p99": samples["p99_ms"]}),
        ("ms a frame; load", {"node's processor time": spent, "load of the machine": samples["load"]}),
        ("count", {"entrances": samples["entrances"], "ids": samples["newest_id"]}),
    )
    restarts = frames[1:][np.diff(samples["cameras"]) > 0]
    for axes, (label, curves) in zip(rows, panels, strict=True):
        for name, values in curves.items():
            axes.plot(frames[-len(values) :], values, label=name, linewidth=1)
        for frame in restarts:
            axes.axvline(frame, color="0.9", zorder=0)
        axes.set_ylabel(label)
        axes.set_ylim(bottom=0)
        axes.legend(loc="lower right")
        axes.grid(alpha=0.3)
    rows[-1].set_xlabel("frames (grey: a camera process killed and started)")
    figure.suptitle(title)
    figure.savefig(file, dpi=90)
