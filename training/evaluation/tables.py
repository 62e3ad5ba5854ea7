"""Tables of results: for people as Markdown, for programs as JSON."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Column:
    """One measure.

    Attributes:
        key: in a row and in the JSON file.
        heading: with the unit.
        digits: after the point.
    """

    key: str
    heading: str
    digits: int = 1


@dataclass(frozen=True)
class Table:
    """Results by group.

    Attributes:
        key: names the table in the JSON file.
        title: what the rows are about, one sentence.
        groups: heading of the first column.
        columns: the measures.
        rows: group -> measure -> value; NaN where nothing is known.
    """

    key: str
    title: str
    groups: str
    columns: tuple[Column, ...]
    rows: dict[str, dict[str, float]]

    def markdown(self) -> str:
        """The table, with a line above that says what it is about."""
        lines = [
            self.title,
            "",
            f"| {self.groups} | " + " | ".join(column.heading for column in self.columns) + " |",
            "|---|" + "---:|" * len(self.columns),
        ]
        for group, row in self.rows.items():
            cells = [_cell(row[column.key], column.digits) for column in self.columns]
            lines.append(f"| {group} | " + " | ".join(cells) + " |")
        return "\n".join(lines)

    def json(self) -> dict[str, Any]:
        """Title and rows, with None where nothing is known."""
        rows = {
            group: {key: None if math.isnan(value) else value for key, value in row.items()}
            for group, row in self.rows.items()
        }
        return {"title": self.title, "rows": rows}


def _cell(value: float, digits: int) -> str:
    if math.isnan(value):
        return "-"
    return f"{value:.{digits}f}"
