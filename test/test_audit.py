"""`./run audit`: known vulnerabilities end it with 1; a network without an answer is said and is no failure."""

import importlib.util
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[1] / "requirements" / "audit.py"
KNOWN = {
    "name": "jinja2",
    "version": "2.4.1",
    "vulns": [{"id": "PYSEC-2014-8", "fix_versions": ["2.7.2"], "aliases": ["CVE-2014-1402"], "description": "..."}],
}
FINE = {"name": "numpy", "version": "2.4.6", "vulns": []}
UNKNOWN = {"name": "ros-rcl", "skip_reason": "Dependency not found on PyPI and could not be audited: ros-rcl (9.2.8)"}
"""As pip-audit 2.10 writes them."""


@pytest.fixture
def audit():
    spec = importlib.util.spec_from_file_location("audit", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def answers(audit, monkeypatch):
    """What pip-audit says of packages, by name; others are fine."""
    known = {}

    def run(command, **_):
        pins = dict(line.split("==") for line in Path(command[-1]).read_text().split())
        if isinstance(known.get("network"), str):
            return subprocess.CompletedProcess(command, 1, "", known["network"])
        found = [known.get(name, {"name": name, "version": version, "vulns": []}) for name, version in pins.items()]
        return subprocess.CompletedProcess(command, 0, audit.json.dumps({"dependencies": found, "fixes": []}), "")

    monkeypatch.setattr(audit.subprocess, "run", run)
    return known


def test_a_known_vulnerability_fails_and_is_named(audit, answers, capsys):
    answers["jinja2"] = KNOWN
    assert audit.main() == 1
    assert "jinja2 2.4.1: PYSEC-2014-8, CVE-2014-1402; mended in 2.7.2" in capsys.readouterr().out


def test_nothing_known_passes_and_says_how_many_were_asked_about(audit, answers, capsys):
    assert audit.main() == 0
    count = sum(map(len, audit.pinned(SCRIPT.parent).values()))
    assert f"{count} packages asked about, 0 with known vulnerabilities" in capsys.readouterr().out


def test_packages_that_the_index_does_not_know_are_named(audit, capsys):
    assert audit.report([FINE, UNKNOWN]) == 0
    text = capsys.readouterr().out
    assert "could not ask about ros-rcl" in text
    assert "1 packages asked about" in text


def test_without_a_network_nothing_fails(audit, answers, capsys):
    answers["network"] = "Traceback ...\nrequests.exceptions.ConnectionError: Failed to resolve 'pypi.org'\n"
    assert audit.main() == 0
    assert capsys.readouterr().out.startswith("could not ask whether vulnerabilities are known: requests.exceptions")


def test_an_index_that_knows_nothing_is_asked_little(audit, answers, capsys):
    answers.update({name: UNKNOWN for name in audit.pinned(SCRIPT.parent)})
    assert audit.main() == 0
    assert (
        "could not ask whether vulnerabilities are known: the package index answers for none" in capsys.readouterr().out
    )


def test_a_failure_of_pip_audit_itself_is_no_pass(audit, answers):
    answers["network"] = "error: unrecognized arguments"
    with pytest.raises(RuntimeError, match="unrecognized arguments"):
        audit.main()


def test_all_that_is_locked_is_asked_about(audit):
    versions = audit.pinned(SCRIPT.parent)
    assert versions["torch"] == ["2.13.0"]
    assert set(versions["numpy"]) == {"2.4.6", "1.26.4"}
    assert "ros-rcl" in versions
    assert "pip-audit" in versions
