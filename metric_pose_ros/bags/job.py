"""What to do with a bag, and the note in its result that says so."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from metric_pose_ros.bags.source import Source
from metric_pose_ros.bags.topics import CameraTopics
from metric_pose_ros.model_hashes import sha256_of
from metric_pose_ros.models import find_model
from metric_pose_ros.settings import Settings

_KEY = "metric_pose_ros"


@dataclass(frozen=True)
class Job:
    """What to do with a bag.

    Attributes:
        source: bag to read.
        target: bag to write.
        settings: the node's parameters.
        images: topics of the images by camera, whose name is empty if there is but one; those not given are looked for.
        camera_infos: topics of CameraInfo, likewise.
        left_out: patterns of the source's topics that are not copied.
        storage: ``mcap`` or ``sqlite3``; empty takes the source's.
        overwrite: whether a target that is there already gives way.
    """

    source: Path
    target: Path
    settings: Settings
    images: Mapping[str, str] = field(default_factory=dict)
    camera_infos: Mapping[str, str] = field(default_factory=dict)
    left_out: tuple[str, ...] = ()
    storage: str = ""
    overwrite: bool = False


def notes(job: Job, source: Source, topics: Mapping[str, CameraTopics]) -> dict[str, str]:
    """What a result is made of, for its metadata: equal notes stand for equal results.

    Files are in it by what they hold, not by where they are, since bags and models are moved.

    Raises:
        FileNotFoundError: if a model or the camera file is not there.
    """
    settings, defaults = asdict(job.settings), asdict(Settings())
    made_of: dict[str, Any] = {name: value for name, value in settings.items() if value != defaults[name]}
    for name in ("model",) if job.settings.detections_topic else ("model", "detector"):
        made_of[name] = sha256_of(find_model(settings[name]))
    if job.settings.camera_yaml:
        made_of["camera_yaml"] = sha256_of(Path(job.settings.camera_yaml))
    made_of |= {"camera_topics": dict(topics), "left_out": sorted(job.left_out), "messages": source.extent}
    return {_KEY: json.dumps(made_of, sort_keys=True)}
