"""MOSSE: adaptive correlation filter on log gray values.

Source: Bolme, Beveridge, Draper, Lui, Visual Object Tracking using Adaptive Correlation Filters, CVPR 2010.
"""

from dataclasses import dataclass

import numpy as np

from evalkit.tracking.interface import TrackerOptions

from .correlation import CorrelationFilterTracker, FilterSettings, Model, Spectra, backward, forward, unit_variance
from .patches import Maps
from .settings import replaced


@dataclass(frozen=True, slots=True)
class MosseSettings(FilterSettings):
    """Numbers of MOSSE.

    Attributes:
        regularization: Added to the denominator, relative to its mean.
    """

    regularization: float = 1e-2


SETTINGS = MosseSettings(padding=2.0, largest_side=96, label_sigma=0.1, rate=0.125)


class MosseTracker(CorrelationFilterTracker):
    """Running averages of numerator and denominator; the size stays as it was."""

    settings: MosseSettings

    def __init__(self, settings: MosseSettings = SETTINGS) -> None:
        super().__init__("mosse", settings, SETTINGS)

    def normalize(self, patches: Maps) -> Maps:
        """Logarithm, mean 0, variance 1 of each map (..., height, width): light cancels out."""
        return unit_variance(np.log1p(patches))

    def train(self, features: Maps, label: Spectra) -> Model:
        """Return numerator and denominator, (sensors, height, width // 2 + 1)."""
        spectra = forward(features)
        return label * spectra.conj(), spectra * spectra.conj()

    def respond(self, model: Model, features: Maps) -> Maps:
        """Correlate features (scales, sensors, height, width); responses of the same shape."""
        numerator, denominator = model
        power = denominator.real
        filters = numerator / (
            power + self.settings.regularization * power.mean(axis=(-2, -1), keepdims=True) + np.float32(1e-6)
        )
        return backward(filters * forward(features), features)


def build(name: str, options: TrackerOptions) -> MosseTracker:
    """The factory of the catalog."""
    return MosseTracker(replaced(name, SETTINGS, options.settings))
