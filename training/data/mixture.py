"""Which examples make the batch of a step: a weighted mixture of sets, each of which is used up evenly.

The examples of a run have positions 0, 1, 2, ... in one endless order that follows from the seed alone. So any step's
batch can be made without those before it, and several processes agree on it without talking.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Integers = npt.NDArray[np.int64]

PARTS = 1_000_000
"""Weights count in millionths of the whole."""


class Mixture:
    """Sets of examples, mixed.

    Every set has its share of any stretch of the order, to within one example, and every epoch of a set is a new
    permutation of all its examples.

    Args:
        lengths: how many examples each set has.
        weights: share of each set, in any unit.
        seed: another seed, another order.

    Raises:
        ValueError: if a set is empty, or a weight is not positive.
    """

    def __init__(self, lengths: Sequence[int], weights: Sequence[float], seed: int) -> None:
        if not lengths or len(lengths) != len(weights) or min(lengths) < 1 or not min(weights) > 0:
            raise ValueError(
                f"sets of {list(lengths)} examples with the weights {list(weights)}: expected at least one set, none "
                "empty, and a positive weight for each"
            )
        self.lengths, self.seed = list(lengths), seed
        # Of what the sets before it leave over, each set takes this many millionths; the last one takes all.
        rest = np.cumsum(np.array(weights, float)[::-1])[::-1]
        self._shares = [max(1, round(PARTS * weight / left)) for weight, left in zip(weights, rest, strict=True)]
        self._orders: dict[tuple[int, int], npt.NDArray[np.intp]] = {}

    def rows(self, positions: Integers) -> tuple[Integers, Integers]:
        """The set, and the number in the set, of the example at each position (N,)."""
        sets = np.empty(len(positions), np.int64)
        turns = np.empty(len(positions), np.int64)
        left, place = np.arange(len(positions)), positions.astype(np.int64)
        for number, share in enumerate(self._shares):
            # Bresenham's line: of the first p places, this set has floor(p * share / PARTS).
            before, after = place * share // PARTS, (place + 1) * share // PARTS
            chosen = after > before
            sets[left[chosen]], turns[left[chosen]] = number, before[chosen]
            left, place = left[~chosen], (place - before)[~chosen]
        rows = np.array(
            [self._row(number, turn) for number, turn in zip(sets.tolist(), turns.tolist(), strict=True)], np.int64
        )
        return sets, rows

    def batch(self, step: int, size: int) -> tuple[Integers, Integers, Integers]:
        """Position, set and row of the examples of a step's batch, in random order, so that any part of it is mixed."""
        positions = step * size + np.random.default_rng((self.seed, step, 1)).permutation(size).astype(np.int64)
        return (positions, *self.rows(positions))

    def _row(self, number: int, turn: int) -> int:
        epoch, place = divmod(turn, self.lengths[number])
        key = (number, epoch)
        if key not in self._orders:
            # Two epochs of each set are enough: batches overlap at most one border.
            for old in [other for other in self._orders if other[0] == number and other[1] < epoch - 1]:
                del self._orders[old]
            self._orders[key] = np.random.default_rng((self.seed, epoch, number)).permutation(self.lengths[number])
        return int(self._orders[key][place])
