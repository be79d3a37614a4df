"""Numbers that several protocols report: key, label, curve, and where it is read (positions count from 0)."""

from evalkit.scoring.conventions import Readout, Reported

AUC = Reported("success_auc", "AUC", "success", Readout.MEAN, -1)
SR = Reported("success_auc", "SR", "success", Readout.MEAN, -1)
OP50 = Reported("success_rate_50", "OP50", "success", Readout.AT_THRESHOLD, 10)
OP75 = Reported("success_rate_75", "OP75", "success", Readout.AT_THRESHOLD, 15)
P20 = Reported("precision_20", "P", "precision", Readout.AT_THRESHOLD, 20)
PR = Reported("precision_20", "PR", "precision", Readout.AT_THRESHOLD, 20)
P_AUC = Reported("precision_auc", "P (mean 0-50 px)", "precision", Readout.MEAN, -1)
NP20 = Reported("normalized_precision_20", "P_Norm", "normalized_precision", Readout.AT_THRESHOLD, 20)
NPR = Reported("normalized_precision_20", "NPR", "normalized_precision", Readout.AT_THRESHOLD, 20)
NP_AUC = Reported("normalized_precision_auc", "P_Norm (mean)", "normalized_precision", Readout.MEAN, -1)
MEAN_OVERLAP = Reported("average_overlap", "AO", "", Readout.MEAN_OVERLAP, -1)
