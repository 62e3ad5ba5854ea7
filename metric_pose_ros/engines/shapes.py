"""Whether arrays are what a network takes."""

from __future__ import annotations

from collections.abc import Mapping

import numpy.typing as npt

Shape = tuple[int | str | None, ...]


def check_inputs(arrays: Mapping[str, npt.NDArray], expected: Mapping[str, Shape]) -> None:
    """Refuses arrays of other names or shapes than a network's; sizes that are no numbers are free.

    Raises:
        ValueError: saying what was given and what was expected.
    """
    if set(arrays) != set(expected):
        raise ValueError(f"inputs {', '.join(sorted(arrays))} were given, expected {', '.join(sorted(expected))}")
    for name, array in arrays.items():
        shape = expected[name]
        if array.ndim != len(shape) or any(
            isinstance(want, int) and size != want for size, want in zip(array.shape, shape, strict=False)
        ):
            raise ValueError(f"input {name} has shape {list(array.shape)}, expected {list(shape)}")
