"""Joint angles against ROS4HRI's human description, whose chain of joints is walked here with SciPy's rotations."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from metric_pose_ros.joint_angles import joint_angles
from metric_pose_ros.limbs import orientations
from metric_pose_ros.messages.transforms import body_frame
from metric_pose_ros.people import Person
from metric_pose_ros.skeleton import H36M_17
from test.standing import standing

UPPER_ARM, FOREARM, THIGH, SHANK = 0.3, 0.25, 0.42, 0.43
# Axes as the URDF has them for the left side; `m` is -1 for the right one.
ARM = (("y_shoulder", lambda m: (0, 0, -m)), ("p_shoulder", lambda m: (m, 0, 0)), ("r_shoulder", lambda m: (0, 0, m)))
LEG = (("y_hip", lambda m: (0, 0, -1)), ("p_hip", lambda m: (m, 0, 0)), ("r_hip", lambda m: (0, -1, 0)))
HEAD = (("r_head", (1, 0, 0)), ("y_head", (0, 0, 1)), ("p_head", (0, -1, 0)))
BENT = {
    "waist": 0.0, "r_head": 0.2, "y_head": -0.7, "p_head": 0.4,
    "l_y_shoulder": 0.5, "l_p_shoulder": 1.1, "l_r_shoulder": -0.6, "l_elbow": 1.3,
    "r_y_shoulder": -0.9, "r_p_shoulder": 0.4, "r_r_shoulder": 0.8, "r_elbow": 0.7,
    "l_y_hip": 0.3, "l_p_hip": 0.2, "l_r_hip": 0.6, "l_knee": -1.2,
    "r_y_hip": 0.1, "r_p_hip": 0.4, "r_r_hip": -0.3, "r_knee": -0.5,
}  # fmt: skip
IN_THE_WORLD = Rotation.from_euler("zyx", [130, 20, -80], degrees=True)


def about(axis: tuple[float, float, float], angle: float) -> Rotation:
    return Rotation.from_rotvec(angle * np.array(axis, float))


def posed(angles: dict[str, float]) -> Person:
    """Somebody whose joints are where the URDF's chain has them, anyhow turned in the camera's frame."""
    places = {"pelvis": (0, 0, 0), "neck": (0, 0, 0.6)}
    for prefix, side, m in (("l", "left", 1), ("r", "right", -1)):
        for (chain, root, lengths, joints) in (
            (ARM, (0, 0.18 * m, 0.6), (UPPER_ARM, FOREARM), ("shoulder", "elbow", "wrist")),
            (LEG, (0, 0.1 * m, 0), (THIGH, SHANK), ("hip", "knee", "ankle")),
        ):  # fmt: skip
            turn = Rotation.identity()
            for joint, axis in chain:
                turn = turn * about(axis(m), angles[f"{prefix}_{joint}"])
            middle = np.array(root) + turn.apply([0, 0, -lengths[0]])
            turn = turn * about((0, -1, 0), angles[f"{prefix}_{joints[1]}"])
            end = middle + turn.apply([0, 0, -lengths[1]])
            places |= {f"{side}_{name}": at for name, at in zip(joints, (root, middle, end), strict=True)}
    head = Rotation.identity()
    for joint, axis in HEAD:
        head = head * about(axis, angles[joint])
    for name, at in {"left_ear": (0, 0.07, 0), "right_ear": (0, -0.07, 0), "nose": (0.1, 0, 0)}.items():
        places[name] = head.apply(at) + np.array([0, 0, 0.75])
    for side, y in (("left", 0.03), ("right", -0.03)):
        places[f"{side}_eye"] = head.apply((0.08, y, 0)) + np.array([0, 0, 0.75])
    person = standing()
    joints3d = np.array([places.get(name, (0, 0, 0.3)) for name in person.skeleton.names])
    return replace(person, joints3d=IN_THE_WORLD.apply(joints3d) + np.array([1.0, 0.5, 4.0]))


def angles_of(person: Person, min_confidence: float = 0.0) -> dict[str, float]:
    frame = body_frame(person)
    assert frame is not None
    return joint_angles(person, frame[1], min_confidence)


def test_the_angles_of_a_posed_description_are_found_again() -> None:
    assert angles_of(posed(BENT)) == pytest.approx(BENT, abs=1e-6)


def test_arms_straight_ahead_and_straight_up_are_within_the_chain() -> None:
    """Where the chain has no single answer, its bones still lie where the person's do."""
    for arm in ((np.pi / 2, np.pi / 2, 0.0), (0.0, np.pi, 0.0), (0.0, 0.0, 0.0)):
        wanted = BENT | dict(zip(("l_y_shoulder", "l_p_shoulder", "l_r_shoulder"), arm, strict=True)) | {"l_elbow": 0.0}
        found = angles_of(posed(wanted))
        place = posed(wanted).skeleton.indices(("left_wrist",))
        np.testing.assert_allclose(posed(found).joints3d[place], posed(wanted).joints3d[place], atol=1e-6)
        assert found["l_elbow"] == pytest.approx(0, abs=1e-6)


def test_angles_of_joints_that_nobody_saw_well_are_left_out() -> None:
    person = posed(BENT)
    person.confidence[person.skeleton.indices(("left_elbow", "nose"))] = 0.05
    person.joints3d[person.skeleton.indices(("right_ankle",))] = np.nan
    missing = set(BENT) - set(angles_of(person, 0.1))
    assert missing == {name for name in BENT if name.startswith("l_") and ("shoulder" in name or "elbow" in name)} | {
        "r_head", "y_head", "p_head", "r_y_hip", "r_p_hip", "r_r_hip", "r_knee"
    }  # fmt: skip


def test_a_skeleton_without_ears_has_no_angles_of_the_head() -> None:
    whole = posed(BENT)
    kept = whole.skeleton.indices(H36M_17.names)
    person = replace(
        whole, joints3d=whole.joints3d[kept], confidence=whole.confidence[kept], skeleton=H36M_17, std=whole.std[kept]
    )
    found = angles_of(person)
    assert set(BENT) - set(found) == {"r_head", "y_head", "p_head"}
    assert found["r_knee"] == pytest.approx(BENT["r_knee"])


def test_noise_does_not_turn_a_straight_leg_around() -> None:
    straight = posed(BENT | {"l_y_hip": 0.0, "l_p_hip": 0.0, "l_r_hip": 0.0, "l_knee": 0.0})
    ankle = straight.skeleton.indices(("left_ankle",))
    for bend in ((0.03, 0, 0), (-0.03, 0, 0), (0, 0.03, 0), (0, -0.03, 0)):
        moved = replace(straight, joints3d=straight.joints3d.copy())
        moved.joints3d[ankle] += IN_THE_WORLD.apply(bend)
        found = angles_of(moved)
        np.testing.assert_allclose([found["l_y_hip"], found["l_p_hip"], found["l_r_hip"]], 0, atol=0.05)
        assert -0.1 < found["l_knee"] <= 0


def test_limbs_lie_along_their_frames_and_bend_about_y() -> None:
    person = posed(BENT)
    frame = body_frame(person)
    assert frame is not None
    turned = orientations(person, frame[1])
    local = dict(zip(person.skeleton.names, (person.joints3d - frame[0]) @ frame[1], strict=True))
    bones = (("left_shoulder", "left_elbow"), ("right_elbow", "right_wrist"), ("right_hip", "right_knee"))
    for start, end in bones:
        bone = local[end] - local[start]
        np.testing.assert_allclose(turned[start] @ [0, 0, -1], bone / np.linalg.norm(bone), atol=1e-9)
    for upper, lower in (("left_shoulder", "left_elbow"), ("left_hip", "left_knee")):
        np.testing.assert_allclose(turned[upper][:, 1], turned[lower][:, 1], atol=1e-9)
    for rotation in turned.values():
        np.testing.assert_allclose(rotation.T @ rotation, np.eye(3), atol=1e-9)
        assert np.linalg.det(rotation) == pytest.approx(1)


def test_feet_point_along_x() -> None:
    person = standing()
    frame = body_frame(person)
    assert frame is not None
    turned = orientations(person, frame[1])
    ankle, foot = person.joints3d[person.skeleton.indices(("left_ankle", "left_foot"))]
    np.testing.assert_allclose(
        frame[1] @ turned["left_ankle"] @ [1, 0, 0], (foot - ankle) / np.linalg.norm(foot - ankle), atol=1e-9
    )
