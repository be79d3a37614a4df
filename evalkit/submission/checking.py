"""Check anyone's submission, zip or folder: all defects at once."""

import collections.abc as cabc
import importlib
import types
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evalkit.benchmarks import BENCHMARKS, EXTRA_BENCHMARKS
from evalkit.submission.content import Content, open_content
from evalkit.submission.expected import Expected
from evalkit.submission.findings import Finding, Severity, error, merged
from evalkit.submission.findings import Kind as FindingKind
from evalkit.submission.form import SubmissionFormat

FORMATS: cabc.Mapping[str, SubmissionFormat] = types.MappingProxyType(
    {
        spec.name: importlib.import_module(f"{__package__}.{spec.submission}").FORM
        for spec in (*BENCHMARKS.values(), *EXTRA_BENCHMARKS.values())
        if spec.submission is not None
    }
)
"""Formats by the name of their benchmark, whose facts name the module."""


@dataclass(frozen=True, slots=True)
class SubmissionReport:
    """What a check found.

    Attributes:
        benchmark: Name of the benchmark.
        where: The zip or folder.
        archive: True for a zip.
        sha256: Of the zip, None for a folder.
        files: Files in it.
        sequences: Sequences that it should have.
        source: Where their names are from.
        findings: Errors first.
        notes: What could not be compared, in whole sentences.
    """

    benchmark: str
    where: str
    archive: bool
    sha256: str | None
    files: int
    sequences: int
    source: str
    findings: tuple[Finding, ...]
    notes: tuple[str, ...]

    @property
    def errors(self) -> tuple[Finding, ...]:
        """What a server may refuse or misread."""
        return tuple(finding for finding in self.findings if finding.severity is Severity.ERROR)

    @property
    def warnings(self) -> tuple[Finding, ...]:
        """What is legal and probably not meant."""
        return tuple(finding for finding in self.findings if finding.severity is Severity.WARNING)

    def document(self) -> dict[str, Any]:
        """The report as JSON values; ``ok`` says in one word what the exit code says."""
        return {
            "ok": not self.errors,
            "benchmark": self.benchmark,
            "file": self.where,
            "archive": self.archive,
            "sha256": self.sha256,
            "files": self.files,
            "sequences": self.sequences,
            "compared_with": self.source,
            "errors": len(self.errors),
            "warnings": len(self.warnings),
            "findings": [finding.document() for finding in self.findings],
            "notes": list(self.notes),
        }


def check_submission(path: Path, form: SubmissionFormat, expected: Expected) -> SubmissionReport:
    """Check a zip, a folder, or a zip within a zip; nothing is extracted or changed.

    Raises:
        SubmissionError: Nothing is there, or it cannot be read at all.
    """
    return check_content(open_content(path), form, expected)


def check_content(content: Content, form: SubmissionFormat, expected: Expected) -> SubmissionReport:
    """Check files that were read already."""
    name = Path(content.where).name
    findings = list(content.findings)
    if content.archive and not name.lower().endswith(".zip") and not findings:
        findings.append(error(FindingKind.WRONG_NAME, name, name, "a name that ends in .zip"))
    if content.files or not findings:  # of an archive that cannot be opened, nothing more can be said
        findings += form.check(content, expected)
    return SubmissionReport(
        benchmark=form.benchmark,
        where=content.where,
        archive=content.archive,
        sha256=content.sha256,
        files=len(content.files),
        sequences=len(expected.names),
        source=expected.source,
        findings=tuple(merged(findings)),
        notes=tuple(expected.notes()),
    )
