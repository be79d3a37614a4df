"""Threshold grids as values: the usual constructions differ in the last bit, and integer boxes hit exact ties."""

Grid = tuple[float, ...]

# k * 0.05 in double precision: numpy.linspace(0, 1, 21), numpy.arange(0, 1.05, 0.05), GNU Octave's 0:0.05:1.
OVERLAP_PLAIN: Grid = (
    0.0,
    0.05,
    0.1,
    0.15000000000000002,
    0.2,
    0.25,
    0.30000000000000004,
    0.35000000000000003,
    0.4,
    0.45,
    0.5,
    0.55,
    0.6000000000000001,
    0.65,
    0.7000000000000001,
    0.75,
    0.8,
    0.8500000000000001,
    0.9,
    0.9500000000000001,
    1.0,
)

# MATLAB's 0:0.05:1 grows from both ends: k * 0.05 below the middle, 1 - (20 - k) * 0.05 above it.
OVERLAP_TWO_ENDED: Grid = (
    0.0,
    0.05,
    0.1,
    0.15000000000000002,
    0.2,
    0.25,
    0.30000000000000004,
    0.35000000000000003,
    0.4,
    0.45,
    0.5,
    0.55,
    0.6,
    0.6499999999999999,
    0.7,
    0.75,
    0.8,
    0.85,
    0.9,
    0.95,
    1.0,
)

# torch.arange(0, 1.05, 0.05, dtype=float64) on a processor: vector lanes round 13 * 0.05 and 15 * 0.05 upwards.
OVERLAP_TORCH: Grid = (
    0.0,
    0.05,
    0.1,
    0.15000000000000002,
    0.2,
    0.25,
    0.30000000000000004,
    0.35000000000000003,
    0.4,
    0.45,
    0.5,
    0.55,
    0.6000000000000001,
    0.6500000000000001,
    0.7000000000000001,
    0.7500000000000001,
    0.8,
    0.8500000000000001,
    0.9,
    0.9500000000000001,
    1.0,
)

# Whole pixels are exact; hundredths are the doubles nearest to the decimals (k / 100 is correctly rounded).
PIXELS: Grid = tuple(float(pixel) for pixel in range(51))
HUNDREDTHS: Grid = tuple(hundredth / 100 for hundredth in range(51))

# numpy.linspace(0, 0.5, 51) multiplies k by the step 0.01: larger than k / 100 by one bit at k = 35, 41, 47.
HUNDREDTHS_LINSPACE: Grid = (*(k * 0.01 for k in range(50)), 0.5)

# numpy.linspace(0, 1, 101), GOT-10k's grid for plots.
OVERLAP_PERCENT: Grid = (*(k * 0.01 for k in range(100)), 1.0)

# numpy.linspace(0, 50, 21) and numpy.linspace(0, 0.5, 21), TrackingNet's grids.
PIXELS_TRACKINGNET: Grid = tuple(k * 2.5 for k in range(21))
NORMALIZED_TRACKINGNET: Grid = (*(k * 0.025 for k in range(20)), 0.5)
