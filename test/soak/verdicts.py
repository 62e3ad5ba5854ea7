"""What a soak says: did memory, threads, descriptors, latency and ids keep their pace?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating]

_WARM_UP, _WARM_FRAMES = 0.1, 25_000
"""Memory is looked at after so large a share of the frames, and in a long run after so many: arenas, caches and pools
fill up in steps first, the last one when a frame happens to take much longer than others."""
_STARTING = 0.01
"""Share of the frames that are no part of the first tenth's latency: networks' first calls are slow."""
_UNANSWERED = 1e-3
_MOST_MB, _SLOWER, _MORE_IDS = 1.0, 1.1, 1.2


@dataclass(frozen=True)
class Verdict:
    """One promise.

    Attributes:
        what: in words.
        found: the figures.
        kept: whether it was kept.
    """

    what: str
    found: str
    kept: bool


def judge(samples: dict[str, Floats], answers: npt.NDArray) -> list[Verdict]:
    """The promises, in the order of the report.

    Args:
        samples: columns of `Sample`.
        answers: (N,) of `ANSWER`.

    Raises:
        ValueError: if there are fewer than twenty samples or frames, from which nothing follows.
    """
    if len(samples.get("frames", ())) < 20 or len(answers) < 20:
        raise ValueError(f"{len(answers)} frames and {len(samples.get('frames', ()))} samples: expected 20 or more")
    total = samples["frames"][-1]
    warm = samples["frames"] >= (_WARM_FRAMES if total > 2 * _WARM_FRAMES else _WARM_UP * total)
    frames = samples["frames"][warm]
    verdicts = []
    columns = {"RSS": "rss_mb", "own": "own_mb"}
    slopes = {name: _per_100_000(frames, samples[column][warm]) for name, column in columns.items()}
    found = ", ".join(f"{name} {slope:+.2f}" for name, slope in slopes.items())
    rss = samples["rss_mb"][warm]
    verdicts.append(
        Verdict(
            f"memory grows by at most {_MOST_MB:g} MB per 100,000 frames",
            f"{found} MB (RSS {rss[0]:.0f} to {rss[-1]:.0f} MB, at most {rss.max():.0f})",
            max(slopes.values()) <= _MOST_MB,
        )
    )
    for name in ("threads", "descriptors"):
        first, last = (tenth.max() for tenth in _ends(samples[name][warm]))
        values = samples[name][warm]
        found = f"{values.min():.0f} to {values.max():.0f}; first tenth {first:.0f}, last {last:.0f}"
        verdicts.append(Verdict(f"{name} stay as many", found, bool(last <= first)))
    waited = answers["latency_ms"][int(_STARTING * len(answers)) :]
    early, late = (float(np.nanpercentile(tenth, 99)) for tenth in _ends(waited))
    found = f"{late:.1f} ms after {early:.1f} ms: {late / early:.2f} (median {_medians(waited)})"
    verdicts.append(
        Verdict(f"p99 latency of the last tenth <= {_SLOWER:g} of the first", found, late <= _SLOWER * early)
    )
    begun, ended = (_gained(samples, "cpu_s", "frames", part) * 1e3 for part in _ends(np.flatnonzero(warm)))
    found = f"{ended:.2f} ms a frame after {begun:.2f}: {ended / begun:.2f}"
    verdicts.append(
        Verdict(f"processor time of the last tenth <= {_SLOWER:g} of the first", found, ended <= _SLOWER * begun)
    )
    begun, ended = (_gained(samples, "newest_id", "entrances", part) for part in _ends(np.flatnonzero(warm)))
    found = f"{ended:.2f} ids per entrance after {begun:.2f}; {samples['newest_id'][-1]:.0f} in all"
    verdicts.append(
        Verdict(f"ids per entrance of the last tenth <= {_MORE_IDS:g} of the first", found, ended <= _MORE_IDS * begun)
    )
    lost = int(np.isnan(answers["latency_ms"]).sum())
    verdicts.append(
        Verdict(
            "frames are answered, but for one in a thousand",
            f"{lost} of {len(answers)} were not",
            lost <= _UNANSWERED * len(answers),
        )
    )
    return verdicts


def _ends(values: npt.NDArray) -> tuple[npt.NDArray, npt.NDArray]:
    """The first and the last tenth, of two values at least."""
    tenth = max(len(values) // 10, 2)
    return values[:tenth], values[-tenth:]


def _per_100_000(frames: Floats, values: Floats) -> float:
    """Slope of the straight line through all samples (least squares)."""
    return float(np.polyfit(frames, values, 1)[0]) * 1e5


def _gained(samples: dict[str, Floats], what: str, per: str, part: npt.NDArray[np.integer]) -> float:
    gained, by = (samples[name][part[-1]] - samples[name][part[0]] for name in (what, per))
    return float(gained / max(by, 1))


def _medians(waited: Floats) -> str:
    early, late = (float(np.nanmedian(tenth)) for tenth in _ends(waited))
    return f"{early:.1f} to {late:.1f} ms"
