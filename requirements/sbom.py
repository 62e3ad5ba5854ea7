"""Writes what this package is made of, as a CycloneDX bill of materials: ``./run sbom``.

cyclonedx-py reads the locks; the shipped models, with their SHA-256 and licences, come on top. Scopes: ``required`` is
what the node runs with, ``optional`` what the demo needs, ``excluded`` what only tests and training need.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model import HashAlgorithm, HashType
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentScope, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

ROOT = Path(__file__).resolve().parents[1]
SCOPES = {
    "runtime": ComponentScope.REQUIRED,
    "ros": ComponentScope.REQUIRED,
    "demo": ComponentScope.OPTIONAL,
    "test": ComponentScope.EXCLUDED,
    "training": ComponentScope.EXCLUDED,
}
"""Of the packages of each lock; what several need has the scope of the first."""


def main() -> int:
    """Writes the file; 1 if a model is not what is stated of it."""
    parser = argparse.ArgumentParser(prog="./run sbom", description=__doc__)
    parser.add_argument("--out", type=Path, default=ROOT / "out" / "sbom.json", help="default: %(default)s")
    arguments = parser.parse_args()
    try:
        text = bill(ROOT)
    except ValueError as error:
        print(f"sbom: {error}", file=sys.stderr)
        return 1
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_text(text)
    print(f"{arguments.out}: {len(json.loads(text)['components'])} components")
    return 0


def bill(root: Path) -> str:
    """The bill of materials of a source tree, as valid CycloneDX 1.6 JSON.

    Raises:
        ValueError: if a model's SHA-256 is not the stated one.
    """
    licence = LicenseFactory().make_from_string("Apache-2.0")
    bom = Bom()
    bom.metadata.component = Component(
        name="metric_pose_ros", version=_version(root), type=ComponentType.APPLICATION, licenses=[licence]
    )
    known: dict[str, Component] = {}
    for component in (*models(root / "models"), *packages(root / "requirements")):
        known.setdefault(str(component.purl or component.name), component)
    bom.components.update(known.values())
    bom.register_dependency(
        bom.metadata.component, [one for one in known.values() if one.scope == ComponentScope.REQUIRED]
    )
    text = JsonV1Dot6(bom).output_as_string(indent=1)
    wrong = JsonStrictValidator(SchemaVersion.V1_6).validate_str(text)
    if wrong is not None:
        raise ValueError(f"not valid CycloneDX: {wrong}")
    return text


def models(folder: Path) -> Iterator[Component]:
    """The shipped models, by what is stated in ``SHA256SUMS`` and on their cards.

    Raises:
        ValueError: if a file is not the stated one.
    """
    for line in (folder / "SHA256SUMS").read_text().splitlines():
        stated, name = line.split()
        found = hashlib.sha256((folder / name).read_bytes()).hexdigest()
        if found != stated:
            raise ValueError(f"{folder / name} has the SHA-256 {found}, but SHA256SUMS states {stated}")
        card = (folder / name).with_suffix(".md").read_text(encoding="utf-8")
        said = dict(re.findall(r"^\| ([^|]+?) \| (.+) \|$", card, re.MULTILINE))
        yield Component(
            name=f"models/{name}",
            type=ComponentType.MACHINE_LEARNING_MODEL,
            scope=ComponentScope.REQUIRED,
            hashes=[HashType(alg=HashAlgorithm.SHA_256, content=stated)],
            licenses=[LicenseFactory().make_from_string(re.match(r"[\w.-]+", said["Licence"])[0])],
            description=said["Origin"],
            bom_ref=f"models/{name}",
        )


def packages(folder: Path) -> Iterator[Component]:
    """What the locks name, with the SHA-256 of each file on PyPI, and PyTorch."""
    files = {folder / "locks" / f"{name}.txt": scope for name, scope in SCOPES.items()}
    files[folder / "torch.txt"] = ComponentScope.EXCLUDED
    scopes: dict[str, ComponentScope] = {}
    for file, scope in files.items():
        for name in re.findall(r"^([\w.-]+)==", file.read_text(), re.MULTILINE):
            scopes.setdefault(name, scope)
    command = [
        sys.executable,
        "-m",
        "cyclonedx_py",
        "requirements",
        "-",
        "--short-PURLs",
        "--no-validate",
        "--of",
        "JSON",
    ]
    text = "\n".join(file.read_text() for file in files)
    ran = subprocess.run(command, input=text, capture_output=True, text=True, check=True)
    for component in Bom.from_json(json.loads(ran.stdout)).components:
        component.scope = scopes[component.name]
        component.description = None  # the line of the lock, hashes and all
        component.bom_ref.value = str(component.purl)
        yield component


def _version(root: Path) -> str:
    return re.search(r"<version>(.+)</version>", (root / "package.xml").read_text())[1]


if __name__ == "__main__":
    sys.exit(main())
