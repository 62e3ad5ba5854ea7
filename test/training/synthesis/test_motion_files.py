"""Motion files: limbs point where the angles in the file say, and broken files are named."""

import json

import numpy as np
import pytest

from training.synthesis.motion_files import (
    PARTS,
    MotionFileError,
    read_amc,
    read_bvh,
    read_deepmimic,
    read_motion_folder,
)

FORWARD, UP, LEFT = np.array([0, -1.0, 0]), np.array([0, 0, 1.0]), np.array([1.0, 0, 0])

ASF_BONES = (
    ("thorax", "0 1 0", "rx ry rz"), ("head", "0 1 0", "rx ry rz"),
    ("lhumerus", "1 0 0", "rx ry rz"), ("lradius", "1 0 0", "rx"), ("lfemur", "0 -1 0", "rx ry rz"),
    ("ltibia", "0 -1 0", "rx"), ("lfoot", "0 0 1", "rx rz"),
    ("rhumerus", "-1 0 0", "rx ry rz"), ("rradius", "-1 0 0", "rx"), ("rfemur", "0 -1 0", "rx ry rz"),
    ("rtibia", "0 -1 0", "rx"), ("rfoot", "0 0 1", "rx rz"),
)  # fmt: skip


def write_asf(folder):
    """A skeleton in T pose without tilted axes."""
    bones = "".join(
        f"begin\n name {name}\n direction {direction}\n length 2\n axis 0 0 0 XYZ\n dof {dof}\nend\n"
        for name, direction, dof in ASF_BONES
    )
    hierarchy = (
        "  begin\n    root thorax lfemur rfemur\n    thorax head lhumerus rhumerus\n"
        "    lhumerus lradius\n    rhumerus rradius\n    lfemur ltibia\n    rfemur rtibia\n"
        "    ltibia lfoot\n    rtibia rfoot\n  end\n"
    )
    path = folder / "77.asf"
    path.write_text(f":version 1.10\n:root\n   order TX TY TZ RX RY RZ\n:bonedata\n{bones}:hierarchy\n{hierarchy}")
    return path


def direction(clip, part, frame):
    return clip.rotations[part][frame] @ clip.rest_directions[part]


def test_an_asf_thigh_that_swings_90_degrees_points_forwards(tmp_path):
    skeleton = write_asf(tmp_path)
    motion = tmp_path / "77_01.amc"
    motion.write_text(
        ":DEGREES\n1\nroot 0 0 0 0 0 0\nlfemur 0 0 0\n"
        "2\nroot 0 0 0 0 0 0\nlfemur -90 0 0\nltibia 90\nlhumerus 0 0 -90\n"
    )
    clip = read_amc(motion, skeleton)
    assert len(clip) == 2
    assert direction(clip, "thigh.L", 0) == pytest.approx(-UP, abs=1e-9)
    assert direction(clip, "thigh.L", 1) == pytest.approx(FORWARD, abs=1e-9)
    assert direction(clip, "shin.L", 1) == pytest.approx(-UP, abs=1e-9)
    assert direction(clip, "upperarm.L", 0) == pytest.approx(LEFT, abs=1e-9)
    assert direction(clip, "upperarm.L", 1) == pytest.approx(-UP, abs=1e-9)
    assert direction(clip, "thigh.R", 1) == pytest.approx(-UP, abs=1e-9)


def test_an_asf_root_that_turns_left_turns_everything(tmp_path):
    skeleton = write_asf(tmp_path)
    motion = tmp_path / "77_01.amc"
    motion.write_text("1\nroot 0 0 0 0 90 0\n")
    clip = read_amc(motion, skeleton)
    assert clip.rotations["root"][0] @ FORWARD == pytest.approx(LEFT, abs=1e-9)
    assert direction(clip, "foot.R", 0) == pytest.approx(LEFT, abs=1e-9)


BVH = """HIERARCHY
ROOT Hips
{{
  OFFSET 0 0 0
  CHANNELS 6 Xposition Yposition Zposition Zrotation Yrotation Xrotation
  JOINT Spine
  {{
    OFFSET 0 1 0
    CHANNELS 3 Zrotation Yrotation Xrotation
    JOINT Head
    {{
      OFFSET 0 1 0
      CHANNELS 3 Zrotation Yrotation Xrotation
      End Site
      {{
        OFFSET 0 1 0
      }}
    }}
{limbs}  }}
{legs}}}
MOTION
Frames: 1
Frame Time: 0.03
{angles}
"""


def chain(names, offsets):
    """Nested BVH joints."""
    text = "End Site\n{\nOFFSET " + offsets[-1] + "\n}\n"
    for name, offset in reversed(list(zip(names, offsets, strict=False))):
        text = f"JOINT {name}\n{{\nOFFSET {offset}\nCHANNELS 3 Zrotation Yrotation Xrotation\n{text}}}\n"
    return text


def write_bvh(path, angles):
    limbs = "".join(
        chain([f"{side}Arm", f"{side}ForeArm", f"{side}Hand"], [f"{x} 0 0"] * 4)
        for side, x in (("Left", 1), ("Right", -1))
    )
    legs = "".join(
        chain([f"{side}UpLeg", f"{side}Leg", f"{side}Foot"], ["0.1 0 0", "0 -1 0", "0 -1 0", "0 0 1"])
        for side in ("Left", "Right")
    )
    path.write_text(BVH.format(limbs=limbs, legs=legs, angles=" ".join(map(str, angles))))
    return path


def test_a_bvh_elbow_bends_the_forearm_forwards(tmp_path):
    # 6 channels of the hips, 3 each of spine and head, then LeftArm, LeftForeArm, ...
    angles = [0] * 6 + [0] * 6 + [0, 0, 0] + [0, -90, 0] + [0] * 30
    clip = read_bvh(write_bvh(tmp_path / "walk.bvh", angles[: 6 + 6 + 12 * 3]))
    assert direction(clip, "upperarm.L", 0) == pytest.approx(LEFT, abs=1e-9)
    assert direction(clip, "forearm.L", 0) == pytest.approx(FORWARD, abs=1e-9)
    assert direction(clip, "shin.R", 0) == pytest.approx(-UP, abs=1e-9)


def test_a_deepmimic_frame_of_zeros_stands_and_faces_forwards(tmp_path):
    frame = np.zeros(44)
    frame[[4, 8, 12, 16, 21, 25, 30, 35, 39]] = 1  # unit quaternions
    frame[20] = -np.pi / 2  # right knee
    path = tmp_path / "humanoid3d_stand.txt"
    path.write_text(json.dumps({"Loop": "none", "Frames": [frame.tolist()]}))
    clip = read_deepmimic(path)
    assert set(clip.rotations) == set(PARTS)
    assert clip.rotations["root"][0] == pytest.approx(np.eye(3), abs=1e-9)
    assert clip.rotations["shin.R"][0] @ -UP == pytest.approx(-FORWARD, abs=1e-9)


def test_a_folder_names_what_it_cannot_read_and_keeps_the_rest(tmp_path):
    write_asf(tmp_path)
    (tmp_path / "77_01.amc").write_text("1\nroot 0 0 0 0 0 0\n")
    (tmp_path / "77_02.amc").write_text("nothing")
    (tmp_path / "88_01.amc").write_text("1\nroot 0 0 0 0 0 0\n")
    (tmp_path / "broken.bvh").write_text("HIERARCHY\nMOTION\n")
    clips, problems = read_motion_folder(tmp_path)
    assert [clip.name for clip in clips] == ["77_01"]
    assert len(problems) == 3
    assert any("88.asf" in problem for problem in problems)
    assert any("77_02.amc" in problem for problem in problems)
    assert any("broken.bvh" in problem for problem in problems)


def test_a_bvh_without_a_known_joint_says_which_it_has(tmp_path):
    path = write_bvh(tmp_path / "odd.bvh", [0] * 48)
    path.write_text(path.read_text().replace("LeftUpLeg", "Tentacle"))
    with pytest.raises(MotionFileError, match=r"no joint for thigh\.L among Hips, .*Tentacle"):
        read_bvh(path)


BVH_JOINTS = (
    ("Spine", "Head"), ("LeftArm", "LeftForeArm"), ("LeftUpLeg", "LeftLeg", "LeftFoot"), ("RightArm", "RightForeArm"),
    ("RightUpLeg", "RightLeg", "RightFoot"),
)  # fmt: skip


def write_walk(path, frames, offset="0 -10 0"):
    """A person of hips, head, arms and legs; every joint is turned as the row of a frame says, first about z."""
    channels = "CHANNELS 3 Zrotation Xrotation Yrotation"
    lines = ["HIERARCHY", "ROOT Hips", "{", "OFFSET 0 0 0", channels]
    for limb in BVH_JOINTS:
        for name in limb:
            lines += [f"JOINT {name}", "{", f"OFFSET {offset}", channels]
        lines += ["End Site", "{", "OFFSET 0 -5 0", "}", *["}"] * len(limb)]
    lines += ["}", "MOTION", f"Frames: {len(frames)}", "Frame Time: 0.03", *map(str, frames)]
    path.write_text("\n".join(lines))
    return path


def test_a_bvh_of_several_frames_turns_as_its_rows_say(tmp_path):
    still, turned = " ".join(["0"] * 39), " ".join(["90", "0", "0", *["0"] * 36])
    clip = read_bvh(write_walk(tmp_path / "walk.bvh", [still, turned, still]))
    assert len(clip) == 3
    # About the file's z, which points forwards: the left leg swings to the person's left.
    assert direction(clip, "thigh.L", 0) == pytest.approx(-UP, abs=1e-9)
    assert direction(clip, "thigh.L", 1) == pytest.approx(LEFT, abs=1e-9)
    assert direction(clip, "thigh.L", 2) == pytest.approx(-UP, abs=1e-9)


@pytest.mark.parametrize("row", ["nan", "inf", "1e999"])
def test_angles_that_are_no_numbers_are_named(tmp_path, row):
    with pytest.raises(MotionFileError, match=r"walk\.bvh: not a readable BVH file"):
        read_bvh(write_walk(tmp_path / "walk.bvh", [" ".join([row, *["0"] * 38])]))


def test_a_bvh_whose_joints_have_no_offsets_is_named(tmp_path):
    path = write_walk(tmp_path / "walk.bvh", [" ".join(["0"] * 39)])
    path.write_text(path.read_text().replace("OFFSET", "OFF"))
    with pytest.raises(MotionFileError, match="not a readable BVH file"):
        read_bvh(path)


@pytest.mark.parametrize("content", ["[" * 3000, '{"Frames": [[1, "x"]]}', '{"Frames": {"a": 1}}', "[1]"])
def test_a_deepmimic_clip_of_something_else_is_named(tmp_path, content):
    (tmp_path / "kick.txt").write_text(content)
    with pytest.raises(MotionFileError, match=r"kick\.txt: not a DeepMimic humanoid clip"):
        read_deepmimic(tmp_path / "kick.txt")


def test_a_deepmimic_clip_without_a_rotation_is_named(tmp_path):
    (tmp_path / "kick.txt").write_text(json.dumps({"Frames": [[0.0] * 44]}))
    with pytest.raises(MotionFileError, match="not a DeepMimic humanoid clip"):
        read_deepmimic(tmp_path / "kick.txt")


def test_bones_that_are_their_own_parents_are_named(tmp_path):
    skeleton = write_asf(tmp_path)
    skeleton.write_text(skeleton.read_text().replace("root thorax lfemur rfemur", "head thorax lfemur rfemur"))
    (tmp_path / "77_01.amc").write_text("1\nroot 0 0 0 0 0 0\n")
    with pytest.raises(MotionFileError, match="not a readable ASF/AMC pair"):
        read_amc(tmp_path / "77_01.amc", skeleton)
