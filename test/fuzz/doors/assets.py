"""Motions, and folders of what scenes are made of."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import OpenEXR

from test.fuzz.door import Check, Door
from test.fuzz.draw import Draw
from test.training.synthesis import test_motion_files as motions
from training.synthesis.assets import load_assets, read_panorama, read_photograph
from training.synthesis.body_files import OwnBody, read_body
from training.synthesis.motion_files import MotionFileError, read_motion_folder

_TOKENS = (
    b"nan",
    b"inf",
    b"1e400",
    b"\n",
    b"{",
    b"}",
    b"End Site",
    b"JOINT",
    b"CHANNELS 3 Zrotation",
    b"CHANNELS",
    b"OFFSET 0 0 0",
    b"Xrotation",
    b"Qrotation",
    b"MOTION",
    b"Frames: 99999999",
    b"begin",
    b"end",
    b":bonedata",
    b":hierarchy",
    b"root",
    b"dof rx",
    b"dof r",
    b"[" * 3000,
    b"&a [*a]",
    b"!!python/object:os.system",
    b"- ",
)
AMC = (
    ":DEGREES\n1\nroot 0 0 0 0 0 0\nlfemur 0 0 0\n2\nroot 0 0 0 10 20 30\nlfemur -90 0 0\nltibia 90\nlhumerus 0 0 -90\n"
)
BODY = b"gender: 0.95\nheight: 0.8\nchanges: {stomach-pregnant-incr: 0.4}\n"


def _bvh() -> str:
    """Hips with a head, arms and legs, each child below the one before."""
    limbs = [["Spine", "Head"]]
    for side in ("Left", "Right"):
        limbs += [[f"{side}Arm", f"{side}ForeArm"], [f"{side}UpLeg", f"{side}Leg", f"{side}Foot"]]
    lines, joints = ["HIERARCHY", "ROOT Hips", "{", "OFFSET 0 0 0", "CHANNELS 3 Zrotation Xrotation Yrotation"], 1
    for limb in limbs:
        for name in limb:
            lines += [f"JOINT {name}", "{", "OFFSET 1 -10 0", "CHANNELS 3 Zrotation Xrotation Yrotation"]
            joints += 1
        lines += ["End Site", "{", "OFFSET 0 -5 0", "}", *["}"] * len(limb)]
    row = " ".join("5" for _ in range(3 * joints))
    return "\n".join([*lines, "}", "MOTION", "Frames: 2", "Frame Time: 0.03", row, row, ""])


def open_motion(folder: Path) -> Check:
    """BVH, ASF with AMC, and DeepMimic's JSON."""
    turn = [1.0, 0, 0, 0]
    frame = [0.03, 0, 0, 0, *turn, *turn, *turn, *turn, 0, *turn, *turn, 0, *turn, 0, *turn, *turn, 0]
    kinds = [folder / kind for kind in ("cmu", "bvh", "deepmimic")]
    for kind in kinds:
        kind.mkdir()
    motions.write_asf(kinds[0])
    (kinds[0] / "77_01.amc").write_text(AMC)
    (kinds[1] / "walk.bvh").write_text(_bvh())
    (kinds[2] / "kick.txt").write_text(json.dumps({"Frames": [frame[:44]] * 2}))
    good = {path: path.read_bytes() for kind in kinds for path in sorted(kind.iterdir())}

    def check(draw: Draw) -> None:
        path = draw.choice(list(good))
        path.write_bytes(draw.mutated(good[path], _TOKENS))
        try:
            clips, problems = read_motion_folder(path.parent)
        finally:
            path.write_bytes(good[path])
        # A text file that does not speak of frames is no motion.
        assert path.suffix == ".txt" or len(clips) + len(problems) == 1, problems
        for clip in clips:
            for part, rotations in clip.rotations.items():
                assert np.isfinite(rotations).all(), f"{part} of {clip.name} is turned by {rotations.tolist()}"
            for part, direction in clip.rest_directions.items():
                assert np.isfinite(direction).all(), f"{part} of {clip.name} rests along {direction}"

    return check


def open_assets(folder: Path) -> Check:
    """Panoramas, photographs, bodies."""
    files = {folder / "bodies" / "tall.yaml": BODY}
    for number, ending in enumerate((".png", ".jpg")):
        picture = np.full((64, 66, 3), 40 * number, np.uint8)
        files[folder / "backgrounds" / f"wall{number}{ending}"] = cv2.imencode(ending, picture)[1].tobytes()
    light = folder / "lights" / "sky.exr"
    for part in ("bodies", "backgrounds", "lights"):
        (folder / part).mkdir()
    with OpenEXR.File({"type": OpenEXR.scanlineimage}, {"RGB": np.ones((4, 8, 3), np.float16)}) as file:
        file.write(str(light))
    files[light] = light.read_bytes()
    for path, content in files.items():
        path.write_bytes(content)

    readers = {"bodies": read_body, "backgrounds": read_photograph, "lights": read_panorama}

    def check(draw: Draw) -> None:
        path = draw.choice(list(files))
        path.write_bytes(draw.mutated(files[path], _TOKENS))
        try:
            if draw.sometimes(32):
                load_assets([folder], None, "train")
            found = readers[path.parent.name](path)
        except Exception:
            return  # `load_assets` names and leaves out what its readers cannot read, whatever they raise
        finally:
            path.write_bytes(files[path])
        numbers = list(found.values.values()) if isinstance(found, OwnBody) else found
        assert np.isfinite(numbers).all(), path

    return check


DOORS = {"motion": Door(open_motion, (MotionFileError,)), "assets": Door(open_assets, refusals=())}
