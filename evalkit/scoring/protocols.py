"""Every scoring protocol side by side: frozen declarations, each field written out.

``PROTOCOLS`` maps the ids of the command line to declarations. A toolkit that treats one benchmark differently from
the others declares that as a variant, again as values; the arithmetic (``ope.py``, ``longterm.py``) knows no names.
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
    DegenerateUnion,
    Divisor,
    EmptyCurve,
    ErrorRule,
    FirstFrame,
    GroundTruths,
    LengthRules,
    LongResult,
    LongTermProtocol,
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
    SpecialOverlap,
    Unscorable,
    Visibility,
    ZeroOverlap,
)

_NONE: frozenset[str] = frozenset()
_ONE_PASS = frozenset({"uav123", "got10k", "lasot", "tnl2k", "trackingnet", "visevent", "lasher", "custom"})

_AUC = Reported("success_auc", "AUC", "success", Readout.MEAN, -1)
_SR = Reported("success_auc", "SR", "success", Readout.MEAN, -1)
_OP50 = Reported("success_rate_50", "OP50", "success", Readout.AT_THRESHOLD, 10)
_OP75 = Reported("success_rate_75", "OP75", "success", Readout.AT_THRESHOLD, 15)
_P20 = Reported("precision_20", "P", "precision", Readout.AT_THRESHOLD, 20)
_PR = Reported("precision_20", "PR", "precision", Readout.AT_THRESHOLD, 20)
_P_AUC = Reported("precision_auc", "P (mean 0-50 px)", "precision", Readout.MEAN, -1)
_NP20 = Reported("normalized_precision_20", "P_Norm", "normalized_precision", Readout.AT_THRESHOLD, 20)
_NPR = Reported("normalized_precision_20", "NPR", "normalized_precision", Readout.AT_THRESHOLD, 20)
_NP_AUC = Reported("normalized_precision_auc", "P_Norm (mean)", "normalized_precision", Readout.MEAN, -1)
_CUT_LONG_REFUSE_SHORT = LengthRules(LongResult.CUT, _NONE, ShortResult.REFUSE, MissingResult.LEFT_OUT)
_INCLUSIVE = OverlapRule(OverlapArithmetic.INCLUSIVE, 0.0, OverlapRange.PLAIN, ZeroOverlap.COUNTED)
_MEAN_OVERLAP = Reported("average_overlap", "AO", "", Readout.MEAN_OVERLAP, -1)

PYTRACKING = OpeProtocol(
    id="pytracking",
    version=1,
    title="PyTracking analysis: a frame is valid when x, y, w, h are all positive",
    source=sources.PYTRACKING,
    benchmarks=_ONE_PASS,
    prediction_rounding=Rounding.NONE,
    ground_truth_rounding=Rounding.NONE,
    coordinate_shift=0.0,
    lengths=LengthRules(LongResult.CUT, _NONE, ShortResult.PAD_WITH_ZEROS, MissingResult.LEFT_OUT),
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
    overlap=_INCLUSIVE,
    errors=ErrorRule(center=Center.HALF_SIZE_LESS_ONE, order=Normalization.DIVIDE_THEN_SUBTRACT, floor=SizeFloor.NONE),
    success=CurveRule(grids.OVERLAP_TORCH, Passes.ABOVE, Scorable.ALL_POSITIVE, Unscorable.MISS),
    precision=CurveRule(grids.PIXELS, Passes.AT_MOST, Scorable.ALL_POSITIVE, Unscorable.MISS),
    normalized_precision=CurveRule(grids.HUNDREDTHS, Passes.AT_MOST, Scorable.ALL_POSITIVE, Unscorable.HIT),
    aggregate=Aggregate.MEAN_OF_SEQUENCES,
    empty_curve=EmptyCurve.KEPT,
    attribute_minimum=1,
    reported=(_AUC, _OP50, _OP75, _P20, _NP20, _MEAN_OVERLAP),
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
    lengths=LengthRules(LongResult.CUT, _NONE, ShortResult.PAD_WITH_ZEROS, MissingResult.LEFT_OUT),
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
    overlap=_INCLUSIVE,
    errors=ErrorRule(center=Center.HALF_SIZE_LESS_ONE, order=Normalization.DIVIDE_THEN_SUBTRACT, floor=SizeFloor.NONE),
    success=CurveRule(grids.OVERLAP_TORCH, Passes.ABOVE, Scorable.POSITIVE_SIZE, Unscorable.MISS),
    precision=CurveRule(grids.PIXELS, Passes.AT_MOST, Scorable.POSITIVE_SIZE, Unscorable.MISS),
    normalized_precision=CurveRule(grids.HUNDREDTHS, Passes.AT_MOST, Scorable.POSITIVE_SIZE, Unscorable.HIT),
    aggregate=Aggregate.MEAN_OF_SEQUENCES,
    empty_curve=EmptyCurve.KEPT,
    attribute_minimum=1,
    reported=(_AUC, _OP50, _OP75, _P20, _NP20, _MEAN_OVERLAP),
)

OTB = OpeProtocol(
    id="otb",
    version=2,
    title="OTB one-pass evaluation as in UAV123's own MATLAB benchmark",
    source=sources.OTB,
    benchmarks=frozenset({"uav123", "custom"}),
    prediction_rounding=Rounding.NONE,
    ground_truth_rounding=Rounding.NONE,
    coordinate_shift=0.0,
    lengths=_CUT_LONG_REFUSE_SHORT,
    rows=RowRules(
        nan_or_negative=BadBox.REPEAT,
        zero_size=BadBox.REPEAT,
        partly_nan=PartlyNan.SCORED,
        first_frame=FirstFrame.REPLACED,
    ),
    nan_ground_truth=NanGroundTruth.UNSCORABLE,
    absent_flags=AbsentFlags.IGNORED,
    visibility=Visibility.IGNORED,
    bounds=Bounds.NONE,
    ground_truths=GroundTruths.FIRST,
    divisor=Divisor.ALL_FRAMES,
    overlap=_INCLUSIVE,
    errors=ErrorRule(center=Center.HALF_SIZE_LESS_ONE, order=Normalization.DIVIDE_THEN_SUBTRACT, floor=SizeFloor.NONE),
    success=CurveRule(grids.OVERLAP_TWO_ENDED, Passes.ABOVE, Scorable.ALL_POSITIVE, Unscorable.MISS),
    precision=CurveRule(grids.PIXELS, Passes.AT_MOST, Scorable.ALL_POSITIVE, Unscorable.HIT),
    normalized_precision=None,
    aggregate=Aggregate.MEAN_OF_SEQUENCES,
    empty_curve=EmptyCurve.LEFT_OUT,
    attribute_minimum=1,
    reported=(_AUC, _OP50, _P20),
)

LASOT_KIT = OpeProtocol(
    id="lasot-kit",
    version=1,
    title="LaSOT evaluation toolkit (MATLAB), absent frames never hit",
    source=sources.LASOT_KIT,
    benchmarks=frozenset({"lasot", "custom"}),
    prediction_rounding=Rounding.NONE,
    ground_truth_rounding=Rounding.NONE,
    coordinate_shift=0.0,
    lengths=_CUT_LONG_REFUSE_SHORT,
    rows=RowRules(
        nan_or_negative=BadBox.REPEAT,
        zero_size=BadBox.REPEAT,
        partly_nan=PartlyNan.AS_NAN,
        first_frame=FirstFrame.REPLACED,
    ),
    nan_ground_truth=NanGroundTruth.UNSCORABLE,
    absent_flags=AbsentFlags.LEFT_OUT,
    visibility=Visibility.IGNORED,
    bounds=Bounds.NONE,
    ground_truths=GroundTruths.FIRST,
    divisor=Divisor.ALL_FRAMES,
    overlap=_INCLUSIVE,
    errors=ErrorRule(center=Center.HALF_SIZE_LESS_ONE, order=Normalization.DIVIDE_THEN_SUBTRACT, floor=SizeFloor.NONE),
    success=CurveRule(grids.OVERLAP_PLAIN, Passes.ABOVE, Scorable.ALL_POSITIVE, Unscorable.MISS),
    precision=CurveRule(grids.PIXELS, Passes.AT_MOST, Scorable.ALL_POSITIVE, Unscorable.HIT),
    normalized_precision=CurveRule(grids.HUNDREDTHS, Passes.AT_MOST, Scorable.ALL_POSITIVE, Unscorable.HIT),
    aggregate=Aggregate.MEAN_OF_SEQUENCES,
    empty_curve=EmptyCurve.LEFT_OUT,
    attribute_minimum=2,
    reported=(_AUC, _OP50, _OP75, _P20, _NP20, _P_AUC, _NP_AUC),
)

TNL2K_KIT = OpeProtocol(
    id="tnl2k-kit",
    version=1,
    title="TNL2K evaluation toolkit (MATLAB): as LaSOT's, normalized precision ranked by its mean",
    source=sources.TNL2K_KIT,
    benchmarks=frozenset({"tnl2k", "custom"}),
    prediction_rounding=Rounding.NONE,
    ground_truth_rounding=Rounding.NONE,
    coordinate_shift=0.0,
    lengths=_CUT_LONG_REFUSE_SHORT,
    rows=RowRules(
        nan_or_negative=BadBox.REPEAT,
        zero_size=BadBox.REPEAT,
        partly_nan=PartlyNan.AS_NAN,
        first_frame=FirstFrame.REPLACED,
    ),
    nan_ground_truth=NanGroundTruth.UNSCORABLE,
    absent_flags=AbsentFlags.LEFT_OUT,
    visibility=Visibility.IGNORED,
    bounds=Bounds.NONE,
    ground_truths=GroundTruths.FIRST,
    divisor=Divisor.ALL_FRAMES,
    overlap=_INCLUSIVE,
    errors=ErrorRule(center=Center.HALF_SIZE_LESS_ONE, order=Normalization.DIVIDE_THEN_SUBTRACT, floor=SizeFloor.NONE),
    success=CurveRule(grids.OVERLAP_PLAIN, Passes.ABOVE, Scorable.ALL_POSITIVE, Unscorable.MISS),
    precision=CurveRule(grids.PIXELS, Passes.AT_MOST, Scorable.ALL_POSITIVE, Unscorable.HIT),
    normalized_precision=CurveRule(grids.HUNDREDTHS, Passes.AT_MOST, Scorable.ALL_POSITIVE, Unscorable.HIT),
    aggregate=Aggregate.MEAN_OF_SEQUENCES,
    empty_curve=EmptyCurve.LEFT_OUT,
    attribute_minimum=2,
    reported=(_AUC, _OP50, _OP75, _P20, _NP_AUC, _NP20, _P_AUC),
)

VISEVENT_KIT = OpeProtocol(
    id="visevent-kit",
    version=1,
    title="VisEvent evaluation toolkit (MATLAB), absent frames never hit; ranked at 20 px and by the mean",
    source=sources.VISEVENT_KIT,
    benchmarks=frozenset({"visevent", "custom"}),
    prediction_rounding=Rounding.NONE,
    ground_truth_rounding=Rounding.NONE,
    coordinate_shift=0.0,
    lengths=_CUT_LONG_REFUSE_SHORT,
    rows=RowRules(
        nan_or_negative=BadBox.REPEAT,
        zero_size=BadBox.REPEAT,
        partly_nan=PartlyNan.AS_NAN,
        first_frame=FirstFrame.REPLACED,
    ),
    nan_ground_truth=NanGroundTruth.UNSCORABLE,
    absent_flags=AbsentFlags.LEFT_OUT,
    visibility=Visibility.IGNORED,
    bounds=Bounds.NONE,
    ground_truths=GroundTruths.FIRST,
    divisor=Divisor.ALL_FRAMES,
    overlap=_INCLUSIVE,
    errors=ErrorRule(center=Center.HALF_SIZE_LESS_ONE, order=Normalization.DIVIDE_THEN_SUBTRACT, floor=SizeFloor.NONE),
    success=CurveRule(grids.OVERLAP_TWO_ENDED, Passes.ABOVE, Scorable.ALL_POSITIVE, Unscorable.MISS),
    precision=CurveRule(grids.PIXELS, Passes.AT_MOST, Scorable.ALL_POSITIVE, Unscorable.HIT),
    normalized_precision=CurveRule(grids.HUNDREDTHS, Passes.AT_MOST, Scorable.ALL_POSITIVE, Unscorable.HIT),
    aggregate=Aggregate.MEAN_OF_SEQUENCES,
    empty_curve=EmptyCurve.LEFT_OUT,
    attribute_minimum=2,
    reported=(_PR, _SR, _NPR, _OP50, _P_AUC, _NP_AUC),
)

LASHER_KIT = OpeProtocol(
    id="lasher-kit",
    version=1,
    title="LasHeR evaluation toolkit (MATLAB), no absent flags",
    source=sources.LASHER_KIT,
    benchmarks=frozenset({"lasher", "custom"}),
    prediction_rounding=Rounding.NONE,
    ground_truth_rounding=Rounding.NONE,
    coordinate_shift=0.0,
    lengths=_CUT_LONG_REFUSE_SHORT,
    rows=RowRules(
        nan_or_negative=BadBox.REPEAT,
        zero_size=BadBox.REPEAT,
        partly_nan=PartlyNan.AS_NAN,
        first_frame=FirstFrame.REPLACED,
    ),
    nan_ground_truth=NanGroundTruth.UNSCORABLE,
    absent_flags=AbsentFlags.IGNORED,
    visibility=Visibility.IGNORED,
    bounds=Bounds.NONE,
    ground_truths=GroundTruths.FIRST,
    divisor=Divisor.ALL_FRAMES,
    overlap=_INCLUSIVE,
    errors=ErrorRule(center=Center.HALF_SIZE_LESS_ONE, order=Normalization.DIVIDE_THEN_SUBTRACT, floor=SizeFloor.NONE),
    success=CurveRule(grids.OVERLAP_TWO_ENDED, Passes.ABOVE, Scorable.ALL_POSITIVE, Unscorable.MISS),
    precision=CurveRule(grids.PIXELS, Passes.AT_MOST, Scorable.ALL_POSITIVE, Unscorable.HIT),
    normalized_precision=CurveRule(grids.HUNDREDTHS, Passes.AT_MOST, Scorable.ALL_POSITIVE, Unscorable.HIT),
    aggregate=Aggregate.MEAN_OF_SEQUENCES,
    empty_curve=EmptyCurve.LEFT_OUT,
    attribute_minimum=2,
    reported=(_PR, _NPR, _SR, _OP50),
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
    reported=(_AUC, _P20, _NP20),
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
    lengths=LengthRules(LongResult.CUT, _NONE, ShortResult.CUT_BOTH, MissingResult.LEFT_OUT),
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
    reported=(_AUC, _P20, _OP50, _NP_AUC),
)

GOT10K_TOOLKIT_ON_GOT10K = replace(
    GOT10K_TOOLKIT,
    title="GOT-10k toolkit: overlap of all visible frames together, clipped to the image, frame 0 excluded",
    lengths=LengthRules(LongResult.REFUSE, _NONE, ShortResult.REFUSE, MissingResult.LEFT_OUT),
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

TRACKINGNET_DEVKIT = OpeProtocol(
    id="trackingnet-devkit",
    version=2,
    title="TrackingNet development kit: integer boxes, at or above, areas under three curves",
    source=sources.TRACKINGNET_DEVKIT,
    benchmarks=frozenset({"trackingnet", "custom"}),
    prediction_rounding=Rounding.NEAREST,
    ground_truth_rounding=Rounding.NEAREST,
    coordinate_shift=0.0,
    lengths=LengthRules(LongResult.CUT, _NONE, ShortResult.PAD_WITH_MISSES, MissingResult.ALL_ZEROS),
    rows=RowRules(
        nan_or_negative=BadBox.KEEP, zero_size=BadBox.KEEP, partly_nan=PartlyNan.SCORED, first_frame=FirstFrame.REPLACED
    ),
    nan_ground_truth=NanGroundTruth.UNSCORABLE,
    absent_flags=AbsentFlags.IGNORED,
    visibility=Visibility.IGNORED,
    bounds=Bounds.NONE,
    ground_truths=GroundTruths.FIRST,
    divisor=Divisor.ALL_FRAMES,
    overlap=_INCLUSIVE,
    errors=ErrorRule(center=Center.HALF_SIZE_PLUS_ONE, order=Normalization.SUBTRACT_THEN_DIVIDE, floor=SizeFloor.NONE),
    success=CurveRule(grids.OVERLAP_PLAIN, Passes.AT_LEAST, Scorable.NO_NAN, Unscorable.MISS),
    precision=CurveRule(grids.PIXELS_TRACKINGNET, Passes.AT_MOST, Scorable.NO_NAN, Unscorable.MISS),
    normalized_precision=CurveRule(grids.NORMALIZED_TRACKINGNET, Passes.AT_MOST, Scorable.NO_NAN, Unscorable.MISS),
    aggregate=Aggregate.MEAN_OF_SEQUENCES,
    empty_curve=EmptyCurve.KEPT,
    attribute_minimum=1,
    reported=(
        Reported("success_auc", "Success", "success", Readout.TRAPEZOID, -1),
        Reported("precision_auc", "Precision", "precision", Readout.TRAPEZOID, -1),
        Reported("normalized_precision_auc", "Norm. Precision", "normalized_precision", Readout.TRAPEZOID, -1),
        Reported("coverage", "Coverage", "", Readout.COVERAGE, -1),
    ),
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
    lengths=_CUT_LONG_REFUSE_SHORT,
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
    reported=(_AUC, _OP50, _OP75, _P20, _NP20, _MEAN_OVERLAP),
)

RGBT_TOOLKIT = OpeProtocol(
    id="rgbt-toolkit",
    version=2,
    title="RGBT234: maximum precision and success rate over both annotations",
    source=sources.RGBT_TOOLKIT,
    benchmarks=frozenset({"rgbt234", "lasher"}),
    prediction_rounding=Rounding.NONE,
    ground_truth_rounding=Rounding.NONE,
    coordinate_shift=0.0,
    lengths=_CUT_LONG_REFUSE_SHORT,
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
    ground_truths=GroundTruths.BETTER_OF_BOTH,
    divisor=Divisor.ALL_FRAMES,
    overlap=_INCLUSIVE,
    errors=ErrorRule(center=Center.HALF_SIZE_LESS_ONE, order=Normalization.DIVIDE_THEN_SUBTRACT, floor=SizeFloor.NONE),
    success=CurveRule(grids.OVERLAP_TWO_ENDED, Passes.ABOVE, Scorable.NO_NAN, Unscorable.MISS),
    precision=CurveRule(grids.PIXELS, Passes.AT_MOST, Scorable.NO_NAN, Unscorable.MISS),
    normalized_precision=None,
    aggregate=Aggregate.MEAN_OF_SEQUENCES,
    empty_curve=EmptyCurve.KEPT,
    attribute_minimum=1,
    reported=(
        Reported("maximum_precision_20", "MPR", "precision", Readout.AT_THRESHOLD, 20),
        Reported("maximum_success_auc", "MSR", "success", Readout.MEAN, -1),
    ),
)

_LONG_TERM = (
    Reported("longterm_precision", "Pr", "longterm_precision", Readout.AT_THRESHOLD, -1),
    Reported("longterm_recall", "Re", "longterm_recall", Readout.AT_THRESHOLD, -1),
    Reported("longterm_f", "F-score", "longterm_f", Readout.AT_THRESHOLD, -1),
)

VOT_LONGTERM_05 = LongTermProtocol(
    id="vot-longterm-0.5",
    version=1,
    title="VOT long-term precision, recall, F as in vot-toolkit 0.5 (ViPT and its followers)",
    source=sources.VOT_LONGTERM_05,
    benchmarks=frozenset({"depthtrack"}),
    resolution=100,
    special_overlap=SpecialOverlap.ZERO,
    degenerate_union=DegenerateUnion.COMPUTED,
    first_frame=FirstFrame.AS_PREDICTED,
    lengths=_CUT_LONG_REFUSE_SHORT,
    missing_confidence=0.0,
    empty_precision=1.0,
    attribute_minimum=1,
    reported=_LONG_TERM,
)

VOT_LONGTERM_09 = LongTermProtocol(
    id="vot-longterm-0.9",
    version=2,
    title="VOT long-term precision, recall, F as in vot-toolkit 0.8 and 0.9",
    source=sources.VOT_LONGTERM_09,
    benchmarks=frozenset({"depthtrack"}),
    resolution=100,
    special_overlap=SpecialOverlap.BOUNDS_AT_ORIGIN,
    degenerate_union=DegenerateUnion.ONE,
    first_frame=FirstFrame.AS_PREDICTED,
    lengths=_CUT_LONG_REFUSE_SHORT,
    missing_confidence=0.0,
    empty_precision=1.0,
    attribute_minimum=1,
    reported=_LONG_TERM,
)

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
