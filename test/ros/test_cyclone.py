"""Another DDS implementation, Cyclone, reads our markers: they mean the same outside of ROS' own libraries."""

from __future__ import annotations

import dataclasses
import os
import time
import types
from collections.abc import Iterator
from functools import cache
from typing import Any

import numpy as np
import pytest
from cyclonedds import core, domain, idl, sub, topic, util
from rosbags.typesys import Stores, get_typestore

from test.ros.graph import PATIENCE_S, Bench, Running
from test.standing import standing

LOOPBACK = """<CycloneDDS><Domain>
<General>
<Interfaces><NetworkInterface name="lo" multicast="false"/></Interfaces><AllowMulticast>false</AllowMulticast>
</General>
<Discovery><ParticipantIndex>auto</ParticipantIndex><MaxAutoParticipantIndex>40</MaxAutoParticipantIndex>
<Peers><Peer address="127.0.0.1"/></Peers></Discovery>
</Domain></CycloneDDS>"""

DEFINITIONS = get_typestore(Stores.ROS2_JAZZY).fielddefs


@cache
def cyclone_type(name: str) -> type:
    """The IDL type that ROS makes of a message definition, such as ``geometry_msgs/msg/Point``."""
    package, _, message = name.split("/")
    annotations = {field: field_type(kind) for field, kind in DEFINITIONS[name][1]}
    made = types.new_class(
        message,
        (idl.IdlStruct,),
        {"typename": f"{package}.msg.dds_.{message}_"},
        lambda namespace: namespace.update(__annotations__=annotations),
    )
    return dataclasses.dataclass(made)


def field_type(kind: tuple[Any, Any]) -> Any:
    node, detail = kind
    if node.name == "NAME":
        return cyclone_type(detail)
    if node.name == "BASE":
        return {"string": str, "bool": bool}.get(detail[0]) or getattr(idl.types, detail[0])
    element, length = detail
    return idl.types.array[field_type(element), length] if length else idl.types.sequence[field_type(element)]


@pytest.fixture
def reader(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.setenv("CYCLONEDDS_URI", LOOPBACK)
    participant = domain.DomainParticipant(int(os.environ["ROS_DOMAIN_ID"]))
    reliable = core.Qos(
        core.Policy.Reliability.Reliable(util.duration(seconds=1)),
        core.Policy.History.KeepLast(10),
    )
    markers = topic.Topic(participant, "rt/metric_pose/markers", cyclone_type("visualization_msgs/msg/MarkerArray"))
    return sub.DataReader(participant, markers, qos=reliable)


def test_cyclone_dds_receives_the_markers_of_two_people(bench: Bench, node: Running, reader: Any) -> None:
    bench.listen("keypoints")
    received: list[Any] = []
    deadline = time.monotonic() + PATIENCE_S
    while not received and time.monotonic() < deadline:
        bench.see(2, "keypoints")
        received = [array for array in reader.take(10) if len(array.markers) == 6]
    assert received, "Cyclone DDS received nothing"
    joints = next(marker for marker in received[-1].markers if (marker.ns, marker.id) == ("joints", 2))
    positions = np.array([[point.x, point.y, point.z] for point in joints.points])
    np.testing.assert_allclose(positions, standing("p2", (1.0, 0.0, 5.0)).joints3d, atol=1e-9)
    assert joints.header.frame_id == "camera"
