"""How people move: a filter for where they walk, and one for everything that should tremble less."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating]

_ACCELERATION = 1.5
"""m/s^2 per root of Hz in each direction, the density of people's starts, stops and turns."""
_PACE = 1.2
"""m/s in each direction, one standard deviation of somebody of whom nothing is known yet."""


class WalkingFilter:
    """Where somebody is and how fast they walk: a Kalman filter of constant velocity with white acceleration.

    Args:
        position: (3,) metres, as first seen.
        covariance: (3, 3) m^2 of that.

    Attributes:
        position: (3,) metres, of when it was last corrected.
        velocity: (3,) m/s.
    """

    def __init__(self, position: Floats, covariance: Floats) -> None:
        self.position = np.asarray(position, float)
        self.velocity = np.zeros(3)
        self._covariance = np.zeros((6, 6))
        self._covariance[:3, :3] = covariance
        self._covariance[3:, 3:] = _PACE**2 * np.eye(3)

    def position_at(self, seconds: float) -> Floats:
        """(3,) metres, `seconds` after the last correction, at constant velocity."""
        return self.position + self.velocity * seconds

    def covariance_at(self, seconds: float) -> Floats:
        """(3, 3) m^2 of that guess."""
        return self._predicted(seconds)[:3, :3]

    def correct(self, seconds: float, position: Floats, covariance: Floats) -> None:
        """Takes where somebody is seen, `seconds` > 0 after the last time.

        Args:
            seconds: since the last correction.
            position: (3,) metres.
            covariance: (3, 3) m^2 of that.
        """
        expected = self.position_at(seconds)
        predicted = self._predicted(seconds)
        gain = np.linalg.solve(predicted[:3, :3] + covariance, predicted[:3]).T
        state = np.concatenate([expected, self.velocity]) + gain @ (position - expected)
        self.position, self.velocity = state[:3], state[3:]
        kept = np.eye(6)
        kept[:, :3] -= gain
        # Joseph's form stays symmetric and positive.
        self._covariance = kept @ predicted @ kept.T + gain @ covariance @ gain.T

    def _predicted(self, seconds: float) -> Floats:
        """(6, 6) covariance of position and velocity after so long."""
        move = np.eye(6)
        move[:3, 3:] = seconds * np.eye(3)
        shares = np.array([[seconds**3 / 3, seconds**2 / 2], [seconds**2 / 2, seconds]])
        return move @ self._covariance @ move.T + _ACCELERATION**2 * np.kron(shares, np.eye(3))


class OneEuroFilter:
    """Smooths slow motion strongly and fast motion little (Casiez, Roussel and Vogel 2012).

    Args:
        min_cutoff: Hz, how much is let through at rest; lower is smoother.
        beta: Hz per unit of speed, how much more is let through in motion; higher lags less.
        speed_cutoff: Hz, for the estimate of the speed.

    Attributes:
        min_cutoff, beta: as above; may be changed at any time.
        value: (..., D), the latest smoothed one; None before the first.
        speed: (..., D) per second, as estimated; None before the first value.
    """

    def __init__(self, min_cutoff: float, beta: float, speed_cutoff: float = 1.0) -> None:
        self.min_cutoff = min_cutoff
        self.beta = beta
        self._speed_cutoff = speed_cutoff
        self._seen: Floats | None = None
        self.value: Floats | None = None
        self.speed: Floats | None = None

    def __call__(self, value: Floats, seconds: float) -> Floats:
        """Takes the next (..., D) value, `seconds` > 0 after the one before, and returns it smoothed.

        The cutoff follows the length of the speed over the last axis, so that a direction is not bent.
        """
        if self._seen is None or self.value is None or self.speed is None:
            self._seen, self.value, self.speed = value, value, np.zeros_like(value)
            return value
        self.speed = self.speed + _share(self._speed_cutoff, seconds) * ((value - self._seen) / seconds - self.speed)
        self._seen = value
        cutoff = self.min_cutoff + self.beta * np.linalg.norm(self.speed, axis=-1, keepdims=True)
        self.value = self.value + _share(cutoff, seconds) * (value - self.value)
        return self.value


def _share(cutoff: Floats | float, seconds: float) -> Floats | float:
    """How much of a new value a first-order low-pass of `cutoff` Hz takes over."""
    return 1 / (1 + 1 / (2 * np.pi * cutoff * seconds))
