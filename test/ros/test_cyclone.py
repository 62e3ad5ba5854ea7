"""Another DDS implementation, Cyclone, reads what we publish: it means the same outside of ROS' own libraries."""

from __future__ import annotations

import dataclasses
import os
import time
import types
from collections.abc import Callable, Iterator
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

FORMATS = {4: "<u2", 5: "<i4", 6: "<u4", 7: "<f4", 8: "<f8"}
"""Of sensor_msgs/PointField's datatypes."""
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


@pytest.fixture(scope="module")
def participant() -> Iterator[Any]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CYCLONEDDS_URI", LOOPBACK)
        yield domain.DomainParticipant(int(os.environ["ROS_DOMAIN_ID"]))


def received(participant: Any, bench: Bench, name: str, kind: str, wanted: Callable[[Any], bool]) -> Any:
    """The first message on a topic that is as wanted, while the node sees two people again and again."""
    reliable = core.Qos(
        core.Policy.Reliability.Reliable(util.duration(seconds=1)),
        core.Policy.History.KeepLast(10),
    )
    reader = sub.DataReader(participant, topic.Topic(participant, f"rt{name}", cyclone_type(kind)), qos=reliable)
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        bench.see(2, "poses")
        found = next((message for message in reader.take(10) if wanted(message)), None)
        if found is not None:
            return found
    raise AssertionError(f"Cyclone DDS received nothing on {name}")


@pytest.fixture(scope="module", autouse=True)
def listener(bench: Bench, node: Running) -> None:
    bench.listen("poses")


def test_cyclone_dds_receives_the_markers_of_two_people(bench: Bench, participant: Any) -> None:
    kind = "visualization_msgs/msg/MarkerArray"
    array = received(participant, bench, "/metric_pose/markers", kind, lambda it: len(it.markers) == 6)
    joints = next(marker for marker in array.markers if (marker.ns, marker.id) == ("joints", 2))
    positions = np.array([[point.x, point.y, point.z] for point in joints.points])
    np.testing.assert_allclose(positions, standing("p2", (1.0, 0.0, 5.0)).joints3d, atol=1e-9)
    assert joints.header.frame_id == "camera"


def test_cyclone_dds_receives_the_frames_of_two_people(bench: Bench, participant: Any) -> None:
    message = received(participant, bench, "/tf", "tf2_msgs/msg/TFMessage", lambda it: len(it.transforms) > 60)
    body = next(each for each in message.transforms if each.child_frame_id == "body_p2")
    place, turn = body.transform.translation, body.transform.rotation
    assert body.header.frame_id == "camera"
    pelvis = standing("p2", (1.0, 0.0, 5.0)).joints3d[[1, 2]].mean(axis=0)  # between the hips
    np.testing.assert_allclose([place.x, place.y, place.z], pelvis, atol=1e-9)
    assert np.linalg.norm([turn.x, turn.y, turn.z, turn.w]) == pytest.approx(1.0)
    joints = {each.child_frame_id: each for each in message.transforms}
    assert joints["left_wrist_p2"].header.frame_id == "body_p2"


def test_cyclone_dds_receives_the_keypoints_of_two_people(bench: Bench, participant: Any) -> None:
    kind = "sensor_msgs/msg/PointCloud2"
    cloud = received(participant, bench, "/metric_pose/keypoints", kind, lambda it: it.width == 60)
    layout = np.dtype(
        {
            "names": [field.name for field in cloud.fields],
            "formats": [FORMATS[field.datatype] for field in cloud.fields],
            "offsets": [field.offset for field in cloud.fields],
            "itemsize": cloud.point_step,
        }
    )
    points = np.frombuffer(bytes(cloud.data), layout)[30:]
    found = np.stack([points["x"], points["y"], points["z"]], axis=1)
    np.testing.assert_allclose(found, standing("p2", (1.0, 0.0, 5.0)).joints3d, rtol=1e-6)
    assert (cloud.header.frame_id, set(points["person"].tolist())) == ("camera", {2})
