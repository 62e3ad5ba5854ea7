"""The card beside a shipped model: what it is, what it was made from and how it did, by protocol."""

from __future__ import annotations

import re
from pathlib import Path

from metric_pose_ros.model_hashes import state
from training.evaluation.tables import Table
from training.model_file import PoseFile

MEASURED = "<!-- measured: written by `python -m training evaluate --card` -->"
END = "<!-- end of measured -->"
_PROTOCOL = "<!-- protocol: {} -->"


def write_card(model: Path, protocol: str, tables: list[Table], picture: Path | None = None) -> Path:
    """Writes or refreshes ``<model>.md``, and states the file's SHA-256 in ``SHA256SUMS`` beside it.

    What people wrote outside the measured part of an existing card stays, and so do the results of other protocols as
    long as they are of the same file.

    Args:
        model: an exported file.
        protocol: its name.
        tables: the results.
        picture: that goes with them, beside the card.

    Returns:
        where the card is.

    Raises:
        ValueError: if an existing card has no place for results.
    """
    card = model.with_suffix(".md")
    text = card.read_text() if card.is_file() else f"# {model.stem}\n\n{MEASURED}\n{END}\n"
    start, end = text.find(MEASURED), text.find(END)
    if start < 0 or end < start:
        raise ValueError(f"{card} has no measured part ({MEASURED} ... {END}): add the two lines, or delete the card")
    digest = state(model)
    sections = _sections(text[start:end]) if digest in text[start:end] else {}
    shown = [] if picture is None else [f"![{protocol}: {picture.stem}]({picture.name})"]
    sections[protocol] = "\n\n".join([*(table.markdown() for table in tables), *shown])
    told = [part for name, section in sections.items() for part in (_PROTOCOL.format(name), section, "")]
    measured = "\n".join([MEASURED, _facts(model, digest), "", *told[:-1], END])
    card.write_text(text[:start] + measured + text[end + len(END) :])
    return card


def _sections(measured: str) -> dict[str, str]:
    """The results of each protocol in a card's measured part."""
    parts = re.split(_PROTOCOL.format("(.*?)"), measured)
    return {name: section.strip() for name, section in zip(parts[1::2], parts[2::2], strict=True)}


def _facts(model: Path, digest: str) -> str:
    metadata = PoseFile(model).metadata
    joints = metadata.get("joints", [])
    said = {
        "File": f"{model.name}, {model.stat().st_size / 1e6:.1f} MB",
        "SHA-256": f"`{digest}`",
        "Made": metadata.get("created", "unknown"),
        "Origin": metadata.get("origin", "unknown"),
        "Licence": metadata.get("licence", "unknown"),
        "Trained on": metadata.get("trained_on", "unknown"),
        "Joints": f"{len(joints)}: {', '.join(joints)}",
        "Precision": metadata.get("precision", "unknown"),
    }
    return "\n".join(["| | |", "|---|---|", *(f"| {name} | {value} |" for name, value in said.items())])
