"""YAML of settings is read as PyYAML reads it; what would take it minutes is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from metric_pose_ros import plain_yaml

CONFIG = Path(__file__).parents[1] / "config" / "metric_pose.yaml"


def test_settings_are_read_as_pyyaml_reads_them() -> None:
    content = CONFIG.read_bytes()
    assert plain_yaml.load(content) == yaml.safe_load(content)
    assert plain_yaml.load("{a: [1, 2.5, x], b: true}") == {"a": [1, 2.5, "x"], "b": True}


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"[" * 3000, "brackets in brackets 3000 deep"),  # PyYAML needs seconds, and its square for more
        (b"- " * 5000, "nested too deeply"),
        (b"a: &a [1, 2]\nb: [*a, *a]", "a reference"),
        (b"a: " + b"1" * 60_000, "has 60003 bytes"),
        (b"a: \xff", "not YAML: 'utf-8' codec"),
        (b"!!timestamp x", "not YAML"),  # AttributeError in PyYAML
        (b"!!int ''", "not YAML"),  # IndexError
        (b"%s", "not YAML"),
        (b"!!python/object/apply:os.system [true]", "not YAML"),
    ],
)
def test_what_takes_long_or_fails_is_a_value_error_that_says_why(content: bytes, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        plain_yaml.load(content)
