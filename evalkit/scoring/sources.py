"""Where every scoring protocol was read, and what our numbers were compared with."""

from evalkit.scoring.conventions import ToolkitSource

PYTRACKING = ToolkitSource(
    "visionml/pytracking",
    "7eb9e74",
    "analysis module (extract_results, plot_results)",
    "its output on 4 LaSOT, 12 UAV123 and 1 TNL2K result sets and 60 edge cases: 2e-6 (it keeps curves in float32)",
)
OSTRACK = ToolkitSource(
    "botaoye/OSTrack",
    "33b5e12",
    "lib/test/analysis (extract_results, plot_results)",
    "its output on 4 LaSOT, 12 UAV123 and 1 TNL2K result sets and 60 edge cases: 2e-6 (it keeps curves in float32)",
)
OTB = ToolkitSource(
    "JinJinSang/Tools-Package-for-UAV-Tracking (UAV123's MATLAB benchmark, the OTB protocol)",
    "7c60898",
    "one-pass evaluation, stored perfMat values",
    "values that MATLAB stored for 10 trackers on UAV123: 3e-5",
)
LASOT_KIT = ToolkitSource(
    "HengLan/LaSOT_Evaluation_Toolkit",
    "95bf38a",
    "one-pass evaluation (MATLAB)",
    "its output under GNU Octave 7.3 on 4 LaSOT result sets and 20 edge cases: 1e-6",
)
TNL2K_KIT = ToolkitSource(
    "wangxiao5791509/TNL2K_evaluation_toolkit",
    "1a96f6e",
    "one-pass evaluation (MATLAB, derived from LaSOT's)",
    "its output under GNU Octave 7.3 on 1 TNL2K result set: 1e-6",
)
PYSOT = ToolkitSource(
    "StrangerZhang/pysot-toolkit",
    "8b5ced3",
    "OPEBenchmark and its statistics",
    "its output on 4 LaSOT and 12 UAV123 result sets and 40 edge cases: 1e-6",
)
GOT10K_TOOLKIT = ToolkitSource(
    "got-10k/toolkit and PyPI got10k",
    "956e728 and 0.1.3",
    "experiments GOT-10k, OTB, UAV123, LaSOT; utils/metrics.py",
    "its output on 4 LaSOT, 12 UAV123 and 2 GOT-10k result sets, 20 edge cases: 1e-6; PyPI 0.1.3 runs in the tests",
)
TRACKINGNET_DEVKIT = ToolkitSource(
    "SilvioGiancola/TrackingNet-devkit",
    "79783f2",
    "metrics script",
    "its output on its own dummy submission and on 2 real result sets in TrackingNet form: 1e-6",
)
SWINTRACK = ToolkitSource(
    "LitingLin/SwinTrack",
    "2d19d41",
    "one-pass metrics of the trainer",
    "its output on 4 LaSOT, 12 UAV123 and 1 TNL2K result sets: 1e-6",
)
VISEVENT_KIT = ToolkitSource(
    "VisEvent evaluation toolkit (MATLAB)",
    "as published by the authors",
    "one-pass evaluation with absent flags",
    "its functions under GNU Octave 7.3 on 3 synthetic result sets and 1 real one: 1e-6",
)
LASHER_KIT = ToolkitSource(
    "LasHeR evaluation toolkit (MATLAB)",
    "as published by the authors",
    "one-pass evaluation without absent flags",
    "its functions under GNU Octave 7.3 and the published PR, NPR, SR of 7 trackers: 1e-6, all printed digits",
)
RGBT_TOOLKIT = ToolkitSource(
    "PyPI rgbt (RGBT234's maximum precision and success rate); thresholds as MATLAB's 0:0.05:1 in the authors' program",
    "1.0.1",
    "MPR and MSR",
    "double-precision values: 1e-6; the package itself, with numpy's thresholds in single precision: 5e-4",
)
VOT_LONGTERM_05 = ToolkitSource(
    "vot-toolkit, stack votrgbd2021",
    "0.5.3",
    "long-term precision, recall, F-score",
    "its functions on 6 result sets: 1e-6",
)
VOT_LONGTERM_09 = ToolkitSource(
    "vot-toolkit, stack vot2021/rgbd",
    "0.9.0",
    "long-term precision, recall, F-score",
    "its command line analysis on 6 result sets, curves and thresholds included: 1e-6",
)
