"""Every scoring protocol: frozen declarations, each field written out, and what differs on single benchmarks.

``PROTOCOLS`` maps the ids of the command line to declarations. A toolkit that treats one benchmark differently from
the others declares that in ``VARIANTS``, again as values; the arithmetic (``ope.py``, ``longterm.py``) knows no names.
Protocols that are one benchmark's own evaluation are written out in ``kits.py``.
"""

import collections.abc as cabc
from dataclasses import replace

from evalkit.scoring import grids, sources
from evalkit.scoring.conventions import (
    AbsentFlags,
    Aggregate,
    BadBox,
    Bounds,
    Center,
    CurveRule,
    Divisor,
    EmptyCurve,
    ErrorRule,
    FirstFrame,
    GroundTruths,
    LengthRules,
    LongResult,
    MissingResult,
    NanGroundTruth,
    Normalization,
    OpeProtocol,
    OverlapArithmetic,
    OverlapRange,
    OverlapRule,
    PartlyNan,
    Passes,
    Protocol,
    Readout,
    Reported,
    Rounding,
    RowRules,
    Scorable,
    ShortResult,
    SizeFloor,
    Unscorable,
    Visibility,
    ZeroOverlap,
)
from evalkit.scoring.kits import (
    CUT_LONG_REFUSE_SHORT,
    INCLUSIVE,
    LASHER_KIT,
    LASOT_KIT,
    OTB,
    RGBT_TOOLKIT,
    TNL2K_KIT,
    TRACKINGNET_DEVKIT,
    VISEVENT_KIT,
    VOT_LONGTERM_05,
    VOT_LONGTERM_09,
)
from evalkit.scoring.reported import AUC, MEAN_OVERLAP, NP20, NP_AUC, OP50, OP75, P20

_ONE_PASS = frozenset({"uav123", "got10k", "lasot", "tnl2k", "trackingnet", "visevent", "lasher", "custom"})

PYTRACKING = OpeProtocol(
    id="pytracking",
    version=1,
    title="PyTracking analysis: a frame is valid when x, y, w, h are all positive",
    source=sources.PYTRACKING,
    benchmarks=_ONE_PASS,
    prediction_rounding=Rounding.NONE,
    ground_truth_rounding=Rounding.NONE,
    coordinate_shift=0.0,
    lengths=LengthRules(LongResult.CUT, frozenset(), ShortResult.PAD_WITH_ZEROS, MissingResult.LEFT_OUT),
    rows=RowRules(
        nan_or_negative=BadBox.REFUSE,
        zero_size=BadBox.REPEAT,
        partly_nan=PartlyNan.AS_NAN,
        first_frame=FirstFrame.REPLACED,
    ),
    nan_ground_truth=NanGroundTruth.REFUSE,
    absent_flags=AbsentFlags.IGNORED,
    visibility=Visibility.IGNORED,
    bounds=Bounds.NONE,
    ground_truths=GroundTruths.FIRST,
    divisor=Divisor.ALL_FRAMES,
    overlap=INCLUSIVE,
    errors=ErrorRule(center=Center.HALF_SIZE_LESS_ONE, order=Normalization.DIVIDE_THEN_SUBTRACT, floor=SizeFloor.NONE),
    success=CurveRule(grids.OVERLAP_TORCH, Passes.ABOVE, Scorable.ALL_POSITIVE, Unscorable.MISS),
    precision=CurveRule(grids.PIXELS, Passes.AT_MOST, Scorable.ALL_POSITIVE, Unscorable.MISS),
    normalized_precision=CurveRule(grids.HUNDREDTHS, Passes.AT_MOST, Scorable.ALL_POSITIVE, Unscorable.HIT),
    aggregate=Aggregate.MEAN_OF_SEQUENCES,
    empty_curve=EmptyCurve.KEPT,
    attribute_minimum=1,
    reported=(AUC, OP50, OP75, P20, NP20, MEAN_OVERLAP),
)

OSTRACK = OpeProtocol(
    id="ostrack",
    version=1,
    title="OSTrack (STARK lineage) analysis: a frame is valid when w and h are positive",
    source=sources.OSTRACK,
    benchmarks=_ONE_PASS,
    prediction_rounding=Rounding.NONE,
    ground_truth_rounding=Rounding.NONE,
    coordinate_shift=0.0,
    lengths=LengthRules(LongResult.CUT, frozenset(), ShortResult.PAD_WITH_ZEROS, MissingResult.LEFT_OUT),
    rows=RowRules(
        nan_or_negative=BadBox.REFUSE,
        zero_size=BadBox.REPEAT,
        partly_nan=PartlyNan.AS_NAN,
        first_frame=FirstFrame.REPLACED,
    ),
    nan_ground_truth=NanGroundTruth.REFUSE,
    absent_flags=AbsentFlags.IGNORED,
    visibility=Visibility.IGNORED,
    bounds=Bounds.NONE,
    ground_truths=GroundTruths.FIRST,
    divisor=Divisor.ALL_FRAMES,
    overlap=INCLUSIVE,
    errors=ErrorRule(center=Center.HALF_SIZE_LESS_ONE, order=Normalization.DIVIDE_THEN_SUBTRACT, floor=SizeFloor.NONE),
    success=CurveRule(grids.OVERLAP_TORCH, Passes.ABOVE, Scorable.POSITIVE_SIZE, Unscorable.MISS),
    precision=CurveRule(grids.PIXELS, Passes.AT_MOST, Scorable.POSITIVE_SIZE, Unscorable.MISS),
    normalized_precision=CurveRule(grids.HUNDREDTHS, Passes.AT_MOST, Scorable.POSITIVE_SIZE, Unscorable.HIT),
    aggregate=Aggregate.MEAN_OF_SEQUENCES,
    empty_curve=EmptyCurve.KEPT,
    attribute_minimum=1,
    reported=(AUC, OP50, OP75, P20, NP20, MEAN_OVERLAP),
)

PYSOT = OpeProtocol(
    id="pysot",
    version=1,
    title="PySOT toolkit: first frame as submitted, errors need a positive center",
    source=sources.PYSOT,
    benchmarks=_ONE_PASS,
    prediction_rounding=Rounding.NONE,
    ground_truth_rounding=Rounding.NONE,
    coordinate_shift=0.0,
    lengths=LengthRules(LongResult.REFUSE, frozenset({"monkey-17"}), ShortResult.REFUSE, MissingResult.LEFT_OUT),
    rows=RowRules(
        nan_or_negative=BadBox.KEEP,
        zero_size=BadBox.KEEP,
        partly_nan=PartlyNan.AS_NAN,
        first_frame=FirstFrame.AS_PREDICTED,
    ),
    nan_ground_truth=NanGroundTruth.UNSCORABLE,
    absent_flags=AbsentFlags.IGNORED,
    visibility=Visibility.IGNORED,
    bounds=Bounds.NONE,
    ground_truths=GroundTruths.FIRST,
    divisor=Divisor.ALL_FRAMES,
    overlap=OverlapRule(OverlapArithmetic.CONTINUOUS, 0.0, OverlapRange.CLIPPED, ZeroOverlap.COUNTED),
    errors=ErrorRule(
        center=Center.HALF_SIZE_LESS_ONE, order=Normalization.DIVIDE_THEN_SUBTRACT, floor=SizeFloor.PLUS_TINY
    ),
    success=CurveRule(grids.OVERLAP_PLAIN, Passes.ABOVE, Scorable.ALL_POSITIVE, Unscorable.MISS),
    precision=CurveRule(grids.PIXELS, Passes.AT_MOST, Scorable.POSITIVE_CENTER, Unscorable.HIT),
    normalized_precision=CurveRule(
        grids.HUNDREDTHS, Passes.AT_MOST, Scorable.POSITIVE_CENTER_OVER_SIZE, Unscorable.HIT
    ),
    aggregate=Aggregate.MEAN_OF_SEQUENCES,
    empty_curve=EmptyCurve.KEPT,
    attribute_minimum=1,
    reported=(AUC, P20, NP20),
)

SWINTRACK = OpeProtocol(
    id="swintrack",
    version=2,
    title="SwinTrack trainer: visible frames only, at or above",
    source=sources.SWINTRACK,
    benchmarks=_ONE_PASS,
    prediction_rounding=Rounding.NONE,
    ground_truth_rounding=Rounding.NONE,
    coordinate_shift=0.0,
    lengths=CUT_LONG_REFUSE_SHORT,
    rows=RowRules(
        nan_or_negative=BadBox.MISS, zero_size=BadBox.MISS, partly_nan=PartlyNan.AS_NAN, first_frame=FirstFrame.REPLACED
    ),
    nan_ground_truth=NanGroundTruth.UNSCORABLE,
    absent_flags=AbsentFlags.LEFT_OUT,
    visibility=Visibility.IGNORED,
    bounds=Bounds.NONE,
    ground_truths=GroundTruths.FIRST,
    divisor=Divisor.FRAMES_SCORED,
    overlap=OverlapRule(OverlapArithmetic.CORNERS, 0.0, OverlapRange.PLAIN, ZeroOverlap.MISS),
    errors=ErrorRule(center=Center.CORNERS, order=Normalization.DIVIDE_THEN_SUBTRACT, floor=SizeFloor.NONE),
    success=CurveRule(grids.OVERLAP_PLAIN, Passes.AT_LEAST, Scorable.POSITIVE_SIZE, Unscorable.LEFT_OUT),
    precision=CurveRule(grids.PIXELS, Passes.AT_MOST, Scorable.POSITIVE_SIZE, Unscorable.LEFT_OUT),
    normalized_precision=CurveRule(
        grids.HUNDREDTHS_LINSPACE, Passes.AT_MOST, Scorable.POSITIVE_SIZE, Unscorable.LEFT_OUT
    ),
    aggregate=Aggregate.MEAN_OF_SEQUENCES,
    empty_curve=EmptyCurve.KEPT,
    attribute_minimum=1,
    reported=(AUC, OP50, OP75, P20, NP20, MEAN_OVERLAP),
)

GOT10K_TOOLKIT = OpeProtocol(
    id="got10k-toolkit",
    version=2,
    title="GOT-10k toolkit, its OTB-like experiments: rows with NaN dropped, no absent flags",
    source=sources.GOT10K_TOOLKIT,
    benchmarks=_ONE_PASS,
    prediction_rounding=Rounding.NONE,
    ground_truth_rounding=Rounding.NONE,
    coordinate_shift=0.0,
    lengths=LengthRules(LongResult.CUT, frozenset(), ShortResult.CUT_BOTH, MissingResult.LEFT_OUT),
    rows=RowRules(
        nan_or_negative=BadBox.KEEP, zero_size=BadBox.KEEP, partly_nan=PartlyNan.AS_NAN, first_frame=FirstFrame.REPLACED
    ),
    nan_ground_truth=NanGroundTruth.UNSCORABLE,
    absent_flags=AbsentFlags.IGNORED,
    visibility=Visibility.IGNORED,
    bounds=Bounds.NONE,
    ground_truths=GroundTruths.FIRST,
    divisor=Divisor.FRAMES_SCORED,
    overlap=OverlapRule(OverlapArithmetic.CONTINUOUS, 2.220446049250313e-16, OverlapRange.CLIPPED, ZeroOverlap.COUNTED),
    errors=ErrorRule(
        center=Center.HALF_SIZE_LESS_ONE, order=Normalization.SUBTRACT_THEN_DIVIDE, floor=SizeFloor.AT_LEAST_ONE
    ),
    success=CurveRule(grids.OVERLAP_PLAIN, Passes.ABOVE, Scorable.NO_NAN, Unscorable.LEFT_OUT),
    precision=CurveRule(grids.PIXELS, Passes.AT_MOST, Scorable.NO_NAN, Unscorable.LEFT_OUT),
    normalized_precision=CurveRule(grids.HUNDREDTHS_LINSPACE, Passes.AT_MOST, Scorable.NO_NAN, Unscorable.LEFT_OUT),
    aggregate=Aggregate.MEAN_OF_SEQUENCES,
    empty_curve=EmptyCurve.KEPT,
    attribute_minimum=1,
    reported=(AUC, P20, OP50, NP_AUC),
)

GOT10K_TOOLKIT_ON_GOT10K = replace(
    GOT10K_TOOLKIT,
    title="GOT-10k toolkit: overlap of all visible frames together, clipped to the image, frame 0 excluded",
    lengths=LengthRules(LongResult.REFUSE, frozenset(), ShortResult.REFUSE, MissingResult.LEFT_OUT),
    rows=RowRules(
        nan_or_negative=BadBox.KEEP, zero_size=BadBox.KEEP, partly_nan=PartlyNan.AS_NAN, first_frame=FirstFrame.EXCLUDED
    ),
    visibility=Visibility.LEFT_OUT_AT_ZERO,
    bounds=Bounds.MOVED_INSIDE,
    success=CurveRule(grids.OVERLAP_PERCENT, Passes.ABOVE, Scorable.NO_NAN, Unscorable.LEFT_OUT),
    precision=None,
    normalized_precision=None,
    aggregate=Aggregate.POOLED_FRAMES,
    reported=(
        Reported("average_overlap", "AO", "", Readout.MEAN_OVERLAP, -1),
        Reported("success_rate_50", "SR_0.50", "success", Readout.AT_THRESHOLD, 50),
        Reported("success_rate_75", "SR_0.75", "success", Readout.AT_THRESHOLD, 75),
    ),
)


def _on_uav123(protocol: OpeProtocol) -> OpeProtocol:
    """PyTracking-type analysis with dataset tag "uav": NaN rows allowed, invalid frames hit in precision."""
    assert protocol.precision is not None
    return replace(
        protocol,
        nan_ground_truth=NanGroundTruth.UNSCORABLE,
        precision=replace(protocol.precision, unscorable=Unscorable.HIT),
    )


def _on_lasot(protocol: OpeProtocol) -> OpeProtocol:
    """PyTracking-type analysis with dataset tag "lasot": absent frames never hit, short results refused."""
    return replace(
        protocol, absent_flags=AbsentFlags.LEFT_OUT, lengths=replace(protocol.lengths, short=ShortResult.REFUSE)
    )


def _on_custom(protocol: OpeProtocol) -> OpeProtocol:
    """PyTracking-type analysis on own videos: rows of NaN say that there is no target, and are left out altogether."""
    return replace(
        protocol,
        nan_ground_truth=NanGroundTruth.UNSCORABLE,
        absent_flags=AbsentFlags.LEFT_OUT,
        divisor=Divisor.FRAMES_SCORED,
    )


VARIANTS: cabc.Mapping[tuple[str, str], Protocol] = {
    ("pytracking", "uav123"): _on_uav123(PYTRACKING),
    ("pytracking", "lasot"): _on_lasot(PYTRACKING),
    ("ostrack", "uav123"): _on_uav123(OSTRACK),
    ("ostrack", "lasot"): _on_lasot(OSTRACK),
    ("pytracking", "custom"): _on_custom(PYTRACKING),
    ("ostrack", "custom"): _on_custom(OSTRACK),
    ("pysot", "lasot"): replace(PYSOT, absent_flags=AbsentFlags.LEFT_OUT),
    # the trainer's LaSOT loader makes boxes 0-based; dividing before subtracting then meets other exact ties
    ("swintrack", "lasot"): replace(SWINTRACK, coordinate_shift=-1.0),
    ("got10k-toolkit", "got10k"): GOT10K_TOOLKIT_ON_GOT10K,
}
"""(protocol, benchmark) -> the protocol there, where its toolkit treats that benchmark differently."""

PROTOCOLS: cabc.Mapping[str, Protocol] = {
    protocol.id: protocol
    for protocol in (
        PYTRACKING,
        OSTRACK,
        OTB,
        LASOT_KIT,
        TNL2K_KIT,
        PYSOT,
        GOT10K_TOOLKIT,
        TRACKINGNET_DEVKIT,
        SWINTRACK,
        VISEVENT_KIT,
        LASHER_KIT,
        RGBT_TOOLKIT,
        VOT_LONGTERM_05,
        VOT_LONGTERM_09,
    )
}
"""Every protocol by its id on the command line, in the order of the lists."""
