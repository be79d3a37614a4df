"""evalkit: evaluate and reproduce visual single-object trackers.

Importing this package loads neither torch nor OpenCV nor matplotlib.
"""

__version__ = "0.1.0"
