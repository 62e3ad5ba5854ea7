"""What a protocol for people, one a picture, looks like."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from metric_pose_ros.skeleton import Skeleton
from training.data.shards import Sample
from training.evaluation.people import People
from training.evaluation.tables import Table


def as_it_is(sample: Sample, crop_scale: float) -> Sample:
    """Shows the model the crop around the person's box."""
    return sample


@dataclass(frozen=True)
class Protocol:
    """How people of a data set are measured.

    Attributes:
        name: on the command line.
        title: what is measured, for the head of a report.
        split: of the shards, unless another is asked for.
        skeleton: whose joints are measured; None takes the samples' own.
        tables: computes the results.
        change: what is done to each sample before the model sees it; the number is the side of what a crop shows over
            the larger side of its box.
    """

    name: str
    title: str
    split: str
    skeleton: Skeleton | None
    tables: Callable[[People], list[Table]]
    change: Callable[[Sample, float], Sample] = field(default=as_it_is)
