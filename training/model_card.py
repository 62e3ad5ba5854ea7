"""The card beside a shipped model: what it is, what it was made from and how it did."""

from __future__ import annotations

import hashlib
from pathlib import Path

from training.evaluation.synthetic import Scores, markdown_table
from training.model_file import PoseFile

MEASURED = "<!-- measured: written by `python -m training evaluate --card` -->"
END = "<!-- end of measured -->"


def write_card(model: Path, rows: dict[str, Scores], split: str) -> Path:
    """Writes or refreshes ``<model>.md``; what people wrote outside the measured part of an existing card stays.

    Returns:
        where the card is.
    """
    card = model.with_suffix(".md")
    metadata = PoseFile(model).metadata
    said = {
        "File": f"{model.name}, {model.stat().st_size / 1e6:.1f} MB",
        "SHA-256": f"`{hashlib.sha256(model.read_bytes()).hexdigest()}`",
        "Made": metadata.get("created", "unknown"),
        "Origin": metadata.get("origin", "unknown"),
        "Licence": metadata.get("licence", "unknown"),
        "Trained on": metadata.get("trained_on", "unknown"),
        "Joints": f"{len(metadata.get('joints', []))}: {', '.join(metadata.get('joints', []))}",
        "Precision": metadata.get("precision", "unknown"),
    }
    table = "\n".join(["| | |", "|---|---|", *(f"| {name} | {value} |" for name, value in said.items())])
    heading = (
        f"On the synthetic {split} split (other bodies, clothes, motions and backgrounds than trained on; "
        "not comparable with Human3.6M):"
    )
    measured = "\n".join([MEASURED, table, "", heading, "", markdown_table(rows), END])
    text = card.read_text() if card.is_file() else f"# {model.stem}\n\n{MEASURED}\n{END}\n"
    start, end = text.find(MEASURED), text.find(END)
    if start < 0 or end < start:
        raise ValueError(f"{card} has no measured part ({MEASURED} ... {END}): add the two lines, or delete the card")
    card.write_text(text[:start] + measured + text[end + len(END) :])
    return card
