"""The tracker catalog, as text: listing it imports no tracker, no torch, no numpy.

One tuple of entries per family; a new family adds its tuple to ``CATALOG``.
"""

from evalkit.modality import Modality
from evalkit.tracking.catalog import TrackerEntry

from .learned import LEARNED

_RGB = frozenset({Modality.RGB})
_ALL = frozenset(Modality)

CLASSIC = (
    TrackerEntry(
        name="still",
        summary="The first box forever; the floor of every table.",
        factory=f"{__package__}.still:build",
        modalities=frozenset(),
        weights=None,
        reference="none",
    ),
    TrackerEntry(
        name="ncc",
        summary="Normalized cross-correlation with the first frame's template.",
        factory=f"{__package__}.ncc:build",
        modalities=_ALL,
        weights=None,
        reference="Lewis, Fast Normalized Cross-Correlation, Vision Interface 1995",
    ),
    TrackerEntry(
        name="mosse",
        summary="Adaptive correlation filter on gray values, fixed size.",
        factory=f"{__package__}.mosse:build",
        modalities=_ALL,
        weights=None,
        reference="Bolme et al., Visual Object Tracking using Adaptive Correlation Filters, CVPR 2010",
    ),
    TrackerEntry(
        name="kcf",
        summary="Kernelized correlation filter with three scales.",
        factory=f"{__package__}.kcf:build",
        modalities=_ALL,
        weights=None,
        reference="Henriques et al., High-Speed Tracking with Kernelized Correlation Filters, TPAMI 2015",
    ),
)

OPENCV = (
    TrackerEntry(
        name="opencv-mil",
        summary="OpenCV's multiple instance learning; not deterministic.",
        factory=f"{__package__}.opencv:build",
        modalities=_RGB,
        weights=None,
        reference="Babenko, Yang, Belongie, Visual Tracking with Online Multiple Instance Learning, CVPR 2009",
    ),
    TrackerEntry(
        name="opencv-nano",
        summary="OpenCV's NanoTrack.",
        factory=f"{__package__}.opencv:build",
        modalities=_RGB,
        weights="folder with one *backbone*.onnx and one *head*.onnx (SiamTrackers, NanoTrack)",
        reference="HonglinChu, NanoTrack, SiamTrackers repository 2022",
    ),
    TrackerEntry(
        name="opencv-vit",
        summary="OpenCV's VitTrack.",
        factory=f"{__package__}.opencv:build",
        modalities=_RGB,
        weights="one ONNX file (opencv_zoo, object_tracking_vittrack)",
        reference="OpenCV, VitTrack, opencv_zoo repository 2023",
    ),
    TrackerEntry(
        name="opencv-dasiamrpn",
        summary="OpenCV's DaSiamRPN.",
        factory=f"{__package__}.opencv:build",
        modalities=_RGB,
        weights="folder with the ONNX files model, kernel_cls1, kernel_r1 (OpenCV's dasiamrpn sample)",
        reference="Zhu et al., Distractor-aware Siamese Networks for Visual Object Tracking, ECCV 2018",
    ),
)

CATALOG: dict[str, TrackerEntry] = {entry.name: entry for entry in (*CLASSIC, *OPENCV)} | LEARNED
