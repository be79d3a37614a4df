"""KCF: kernelized correlation filter with a Gaussian kernel on gray values and three scales.

Source: Henriques, Caseiro, Martins, Batista, High-Speed Tracking with Kernelized Correlation Filters, TPAMI 2015.
"""

from dataclasses import dataclass

import numpy as np

from evalkit.tracking.interface import TrackerOptions

from .correlation import CorrelationFilterTracker, FilterSettings, Model, Spectra, backward, forward, unit_variance
from .patches import Maps
from .settings import replaced

KERNEL_SIGMA = 0.2


@dataclass(frozen=True, slots=True)
class KcfSettings(FilterSettings):
    """Numbers of KCF.

    Attributes:
        kernel_sigma: Width of the Gaussian kernel.
        regularization: Of the ridge regression.
    """

    kernel_sigma: float = KERNEL_SIGMA
    regularization: float = 1e-4


SETTINGS = KcfSettings(
    padding=2.5,
    largest_side=96,
    label_sigma=0.1,
    rate=0.02,
    scales=(0.97, 1.0, 1.03),
    scale_penalty=0.985,
)


class KcfTracker(CorrelationFilterTracker):
    """Ridge regression in the kernel's space, solved in the Fourier domain."""

    settings: KcfSettings

    def __init__(self, settings: KcfSettings = SETTINGS) -> None:
        super().__init__("kcf", settings, SETTINGS)

    def normalize(self, patches: Maps) -> Maps:
        """Mean 0, variance 1 of each map (..., height, width)."""
        return unit_variance(patches)

    def train(self, features: Maps, label: Spectra) -> Model:
        """Return dual coefficients and template, both as spectra (sensors, height, width // 2 + 1)."""
        spectra = forward(features)
        kernel = forward(gaussian_kernel(features, spectra, spectra, self.settings.kernel_sigma))
        return label / (kernel + np.float32(self.settings.regularization)), spectra

    def respond(self, model: Model, features: Maps) -> Maps:
        """Evaluate the regression at all shifts of (scales, sensors, height, width); responses of the same shape."""
        coefficients, template = model
        kernel = gaussian_kernel(features, forward(features), template, self.settings.kernel_sigma)
        return backward(coefficients * forward(kernel), features)


def gaussian_kernel(features: Maps, spectra: Spectra, template: Spectra, sigma: float = KERNEL_SIGMA) -> Maps:
    """Kernel between the features and all shifts of the template.

    Args:
        features: (..., height, width).
        spectra: Their spectra.
        template: Spectra of the template, broadcast against them.
        sigma: Width of the kernel.

    Returns:
        (..., height, width), in (0, 1].

    Source: Henriques et al., equation 31; distances are per pixel, as in the authors' program.
    """
    height, width = features.shape[-2:]
    own = np.square(features).sum(axis=(-2, -1), keepdims=True)
    other = energy(template, width)
    cross = backward(spectra * template.conj(), features)
    distance = np.maximum(own + other - 2 * cross, 0) / (height * width)
    kernel: Maps = np.exp(-distance / sigma**2).astype(np.float32)
    return kernel


def energy(spectra: Spectra, width: int) -> Maps:
    """Sum of squares of the maps behind half spectra (Parseval), (..., 1, 1).

    Example:
        >>> maps = np.array([[1, 2, 3, 4], [5, 6, 7, 8]], np.float32)
        >>> float(energy(np.fft.rfft2(maps), 4)[0, 0]), float((maps**2).sum())
        (204.0, 204.0)
    """
    power = np.square(np.abs(spectra))
    weight = np.full(power.shape[-1], 2, np.float32)
    weight[0] = 1
    if width % 2 == 0:
        weight[-1] = 1
    total: Maps = (power * weight).sum(axis=(-2, -1), keepdims=True) / np.float32(width * power.shape[-2])
    return total


def build(name: str, options: TrackerOptions) -> KcfTracker:
    """The factory of the catalog."""
    return KcfTracker(replaced(name, SETTINGS, options.settings))
