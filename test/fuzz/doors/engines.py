"""Built engines on disk, and what is remembered beside them."""

from __future__ import annotations

import json
from pathlib import Path

from metric_pose_ros.engines.cache import EngineCache, EngineKey
from test.fuzz.door import Check, Door
from test.fuzz.draw import Draw

KEY = EngineKey("heavy", "ab" * 32, "tensorrt 10.3.0", "Orin", "8.7", "1-16", "fp16")
ENGINE = bytes(range(256))
_TOKENS = (
    b"[" * 3000,
    b'{"a":' * 1500,
    b"\n",
    b'"key": []',
    b'"model": 1',
    b'"model_sha256": 5',
    b'"bytes": 1e999',
    b"NaN",
    b"null",
    b"\xff\xfe",
    b"\\ud800",
    b"9" * 5000,
)


def open_cache(folder: Path) -> Check:
    """An engine's file and the times that builds took: whatever they hold, the engine comes."""
    cache = EngineCache(folder)
    cache.get(KEY, lambda: ENGINE)
    path, times = folder / KEY.file_name, folder / "build_times.json"
    good, good_times = path.read_bytes(), times.read_bytes()
    header = json.loads(good.partition(b"\n")[0])

    def check(draw: Draw) -> None:
        content = draw.mutated(good, _TOKENS)
        if draw.sometimes():
            changed = {**header, draw.choice(list(header)): draw.choice((None, 1, -1, [], {}, "x", 1e308, True))}
            names = list(header["key"])
            if isinstance(changed["key"], dict) and draw.sometimes(2):
                changed["key"] = {**header["key"], draw.choice(names): draw.choice((None, 1, [], {}, "x", 1.5))}
            content = json.dumps(changed).encode() + b"\n" + ENGINE
        path.write_bytes(content)
        times.write_bytes(draw.mutated(good_times, _TOKENS))
        # Another engine of the model looks at this one, to say why it does not do.
        key = KEY if not draw.sometimes(3) else EngineKey(**{**header["key"], "gpu": "Thor"})
        assert cache.get(key, lambda: ENGINE) == ENGINE
        for entry in cache.entries():
            assert entry.key.differences(KEY) is not None
            assert f"{entry.bytes} {entry.seconds:.1f} {entry.built:.0f}"
        cache.seconds_before(KEY)
        cache.clear()

    return check


DOORS = {"engine_cache": Door(open_cache, refusals=())}
