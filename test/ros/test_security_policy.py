"""config/sros2_policy.xml allows what a node with every output on does, and nothing that it never does."""

import time
from fnmatch import fnmatch
from pathlib import Path
from xml.etree import ElementTree

import pytest

from test.ros.graph import Bench, Running, wait_until

POLICY = Path(__file__).parents[2] / "config" / "sros2_policy.xml"
NOT_ALWAYS = {"/clock", "/image/compressed"}
"""With use_sim_time, and with the parameter image_transport; tests do not turn these on here."""
WAYS = ("publish", "subscribe", "reply", "request")
MORE_OUTPUTS = ("publish_people", "publish_detections", "publish_humans")


def allowed(kind: str, way: str) -> set[str]:
    """Names of topics or services that the policy allows in a way, such as ``publish``."""
    profile = ElementTree.parse(POLICY).find("./enclaves/enclave/profiles/profile[@node='metric_pose']")
    assert profile is not None
    return {str(one.text) for group in profile.findall(f"{kind}s[@{way}='ALLOW']") for one in group.findall(kind)}


def idle(names: set[str], way: str) -> set[str]:
    """What the policy allows in a way that none of these names makes use of."""
    patterns = allowed("service" if way in ("reply", "request") else "topic", way) - NOT_ALWAYS
    return {pattern for pattern in patterns if not any(fnmatch(name, pattern) for name in names)}


@pytest.fixture(scope="module")
def names(bench: Bench) -> dict[str, set[str]]:
    """What a node with every output on publishes, hears and serves."""
    everything = [part for name in MORE_OUTPUTS for part in ("-p", f"{name}:=true")]
    frames = ["-p", "tracking_frame:=odom", "-p", "fixed_frame:=odom", "-p", "detections_topic:=/detections"]
    with Running.people_in_the_image("--ros-args", *everything, *frames) as process:
        process.wait_for_log("active: listening")
        bench.wait_for_node()
        node = bench.node
        wait_until(lambda: ("metric_pose", "/") in node.get_node_names_and_namespaces(), "the node in the graph")
        asked = {
            "publish": node.get_publisher_names_and_types_by_node,
            "subscribe": node.get_subscriber_names_and_types_by_node,
            "reply": node.get_service_names_and_types_by_node,
            "request": node.get_client_names_and_types_by_node,
        }
        # What a node does becomes known to others bit by bit.
        deadline = time.monotonic() + 10
        while True:
            known = {way: {name for name, _ in ask("metric_pose", "/")} for way, ask in asked.items()}
            if not any(idle(known[way], way) for way in WAYS) or time.monotonic() > deadline:
                return known
            time.sleep(0.1)


@pytest.mark.parametrize("way", WAYS)
def test_all_that_the_node_does_is_allowed(names: dict[str, set[str]], way: str) -> None:
    patterns = allowed("service" if way in ("reply", "request") else "topic", way)
    assert {name for name in names[way] if not any(fnmatch(name, pattern) for pattern in patterns)} == set()
    assert names[way] or way == "request"


@pytest.mark.parametrize("way", WAYS)
def test_nothing_is_allowed_that_the_node_does_not_do(names: dict[str, set[str]], way: str) -> None:
    assert idle(names[way], way) == set()
