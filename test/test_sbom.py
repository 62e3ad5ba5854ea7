"""`./run sbom`: every locked package and every shipped model is in the bill of materials."""

import hashlib
import json
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PYTHON = ROOT / ".venv-supply" / "bin" / "python"
pytestmark = pytest.mark.skipif(not PYTHON.is_file(), reason="its tools come with the first ./run sbom or ./run audit")


@pytest.fixture(scope="module")
def components(tmp_path_factory):
    """Of the bill: name -> component."""
    out = tmp_path_factory.mktemp("sbom") / "sbom.json"
    subprocess.run([PYTHON, ROOT / "requirements" / "sbom.py", "--out", out], check=True, capture_output=True)
    bill = json.loads(out.read_text())
    assert (bill["bomFormat"], bill["specVersion"]) == ("CycloneDX", "1.6")
    return {component["name"]: component for component in bill["components"]}


def test_models_come_with_their_hash_and_licence(components):
    for file in (ROOT / "models").glob("*.onnx"):
        model = components[f"models/{file.name}"]
        assert model["type"] == "machine-learning-model"
        assert model["hashes"] == [{"alg": "SHA-256", "content": hashlib.sha256(file.read_bytes()).hexdigest()}]
        assert model["licenses"] == [{"license": {"id": "Apache-2.0"}}]


def test_every_locked_package_is_there_with_version_and_hashes(components):
    for name in ("runtime", "ros", "demo", "test", "training"):
        text = (ROOT / "requirements" / "locks" / f"{name}.txt").read_text()
        for package, version, rest in re.findall(r"^([\w.-]+)==(\S+)((?:.*\n)(?: +--hash.*\n)*)", text, re.MULTILINE):
            found = components[package]
            assert (found["version"], found["purl"]) == (version, f"pkg:pypi/{package}@{version}")
            hashes = {one["content"] for one in found["externalReferences"][0]["hashes"]}
            assert hashes == set(re.findall(r"sha256:([0-9a-f]+)", rest))


def test_what_a_robot_needs_is_told_from_what_tests_and_training_need(components):
    scopes = {name: components[name]["scope"] for name in ("onnxruntime", "ros-rclpy", "rerun-sdk", "pytest", "torch")}
    assert scopes == {
        "onnxruntime": "required",
        "ros-rclpy": "required",
        "rerun-sdk": "optional",
        "pytest": "excluded",
        "torch": "excluded",
    }
