"""ROS tests run over real topics between processes, on a domain of their own."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

# Before anything starts ROS: other people's robots, and another run of these tests, must not hear us.
os.environ["ROS_DOMAIN_ID"] = str(1 + os.getpid() % 100)
os.environ["FASTRTPS_DEFAULT_PROFILES_FILE"] = str(Path(__file__).parents[2] / "config" / "fastdds_shm.xml")
os.environ["FASTDDS_DEFAULT_PROFILES_FILE"] = os.environ["FASTRTPS_DEFAULT_PROFILES_FILE"]  # since Kilted
if os.environ.get("ROS_DISTRO") == "humble":
    os.environ["ROS_LOCALHOST_ONLY"] = "1"
else:
    os.environ["ROS_AUTOMATIC_DISCOVERY_RANGE"] = "LOCALHOST"

import pytest

from test.ros.graph import Bench, Running


@pytest.fixture(scope="module")
def bench() -> Iterator[Bench]:
    """This process' side of the topics: a camera and somebody who listens."""
    with Bench() as opened:
        yield opened


@pytest.fixture(scope="module")
def node(bench: Bench) -> Iterator[Running]:
    """The node in a process of its own, with people who come with the image instead of an estimator."""
    with Running.people_in_the_image() as running:
        bench.wait_for_node()
        yield running
