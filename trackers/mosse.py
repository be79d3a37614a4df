"""MOSSE: adaptive correlation filter on log gray values.

Source: Bolme, Beveridge, Draper, Lui, Visual Object Tracking using Adaptive Correlation Filters, CVPR 2010.
"""

import dataclasses

import numpy as np

from evalkit.tracking.interface import TrackerInfo, TrackerOptions

from .correlation import CorrelationFilterTracker, FilterSettings, Model, Spectra, backward, forward, unit_variance
from .patches import DEPTH_SETTINGS, SENSORS, Maps

SETTINGS = FilterSettings(padding=2.0, largest_side=96, label_sigma=0.1, rate=0.125)
REGULARIZATION = 1e-2
"""Added to the denominator, relative to its mean."""


class MosseTracker(CorrelationFilterTracker):
    """Running averages of numerator and denominator; the size stays as it was."""

    settings = SETTINGS
    info = TrackerInfo(
        name="mosse",
        modalities=SENSORS,
        config={
            **dataclasses.asdict(SETTINGS),
            "scales": list(SETTINGS.scales),
            "regularization": REGULARIZATION,
            **DEPTH_SETTINGS,
        },
    )

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
        filters = numerator / (power + REGULARIZATION * power.mean(axis=(-2, -1), keepdims=True) + np.float32(1e-6))
        return backward(filters * forward(features), features)


def build(_name: str, _options: TrackerOptions) -> MosseTracker:
    """The factory of the catalog; there is nothing to choose."""
    return MosseTracker()
