"""``evalkit audit``: the reviewer's command on somebody's raw results; first what holds, then the evidence."""

import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from evalkit.commands.common import EXIT_FAILED, App, common_options, json_document
from evalkit.commands.listing import columns
from evalkit.commands.options import OF_FILES, request_options
from evalkit.commands.output import echo, echo_text
from evalkit.errors import counted
from evalkit.evaluation.request import Request
from evalkit.visible import visible

if TYPE_CHECKING:
    from evalkit.evaluation.audited import Audit
    from evalkit.report.html.audited import Audited

_WIDTH = 79
_LINES = 12


@click.command()
@click.argument("path", metavar="FILE", type=click.Path(path_type=Path))
@request_options(required=False, shared=OF_FILES)
@click.option("--published", help="A value as a paper prints it, of one tracker; default: the packaged numbers.")
@click.option("--metric", help="Only this one: key or printed label (P_Norm); of --published default: what ranks.")
@click.option("--paper", default="", help="Only numbers whose source has this in its name: UPVPT, ViPT, ...")
@click.option("--format", "form", type=click.Choice(["text", "json", "html"]), default="text", show_default=True)
@click.option("--json", "as_json", is_flag=True, help="As --format json.")
@click.option("--output", type=click.Path(path_type=Path), help="File to write instead of stdout.")
@common_options
@click.pass_obj
def audit(
    app: App,
    /,
    *,
    path: Path,
    request: Request,
    form: str,
    as_json: bool,
    output: Path | None,
    **claims: Any,
) -> int:
    r"""Audit FILE: raw results of anyone, a folder, a zip or a tar, of one tracker or many, on any benchmarks.

    Benchmarks and trackers are recognized by the names of files. The first lines say what holds: a published number is
    reproduced; it differs by so many points, which a rule explains or nothing does; or it cannot be checked, and why.
    Then the evidence: scores under the protocols, published numbers with their sources, sequences that are missing,
    damaged or short, boxes cut off to integers, files that copy another tracker, another sequence or the ground truth.

    Published numbers are looked up by the tracker's name (`docs/published.md`); --published gives another one. Ground
    truth is taken from --annotations or --data-root. The exit code is 0 only if everything holds.

    \b
    Examples:
      evalkit audit results.zip --annotations lasot_annotations.zip
      evalkit audit OSTrack.tar.gz lasot --data-root /data --published 69.1 --metric AUC
      evalkit audit results/ --data-root /data --format html --output audit.html
    """
    from evalkit.atomic import write_whole
    from evalkit.evaluation.audited import Claim
    from evalkit.evaluation.audited import audit as judged
    from evalkit.report.html.audited import audit_page

    done = judged(request, path, Claim(**claims))
    chosen = "json" if as_json else form
    verdicts = [line for result in done.results for line in _wrapped(f"{result.sentence}.")]
    if chosen == "json":
        text = json_document(_document(path, done))
    elif chosen == "html":
        text = audit_page(path.name, done.sha256, done.results)
    else:
        evidence = [line for result in done.results for line in ("", *_evidence(result))]
        text = "".join(f"{visible(line)}\n" for line in (*verdicts, *evidence))
    if output is None:
        echo_text(text)
    else:
        write_whole(output, text.encode())
        app.say(f"written to {output}")
        echo(*verdicts)
    return 0 if all(result.holds for result in done.results) else EXIT_FAILED


def _wrapped(text: str, first: str = "", indent: str = "  ") -> list[str]:
    return textwrap.wrap(text, _WIDTH, initial_indent=first, subsequent_indent=indent, break_long_words=False)


def _evidence(result: "Audited") -> list[str]:
    layout = f", layout {result.layout}" if result.layout else ""
    held = f"{result.sequences} of {counted(result.total or 0, 'sequence')}, {counted(result.frames, 'row')}"
    head = f"{result.tracker} on {result.title}: {held}"
    lines = _wrapped(f"{head}{layout}")
    if result.scores:
        lines += [f"  {line}" for line in columns(result.score_rows())]
    for mark, texts in (
        ("incomplete: ", result.problems),
        ("published: ", result.judged_rows()),
        ("odd: ", [remark.full_text for remark in result.remarks]),
        ("note: ", result.notes),
    ):
        for text in texts[:_LINES]:
            lines += _wrapped(f"{mark}{text.strip()}", "  ", "    ")
        if len(texts) > _LINES:
            lines.append(f"  {mark}{len(texts) - _LINES} more; --json lists all")
    return lines


def _document(path: Path, done: "Audit") -> dict[str, Any]:
    return {
        "file": str(path),
        "sha256": done.sha256,
        "holds": all(result.holds for result in done.results),
        "results": [_result(result) for result in done.results],
    }


def _result(result: "Audited") -> dict[str, Any]:
    from evalkit.report.html.audited import WORDS

    return {
        "tracker": result.tracker,
        "benchmark": result.benchmark,
        "split": result.split,
        "holds": result.holds,
        "verdict": WORDS[result.verdict],
        "text": result.text,
        "layout": result.layout,
        "sequences": result.sequences,
        "expected": result.total,
        "rows": result.frames,
        "protocol": result.protocol,
        "scores": {name: dict(scores) for name, scores in result.scores.items()},
        "published": [
            {
                "metric": key,
                "value": entry.published.value,
                "printed": entry.published.printed,
                "source": entry.published.provenance,
                "doubt": entry.published.remark,
                "verdict": entry.judgment.verdict.name.lower(),
                "text": entry.judgment.text,
            }
            for key, entries in result.judged.items()
            for entry in entries
        ],
        "incomplete": list(result.problems),
        "odd": [
            {
                "kind": remark.oddity.value,
                "grave": remark.is_grave,
                "text": remark.text,
                "sequences": list(remark.sequences),
            }
            for remark in result.remarks
        ],
        "notes": list(result.notes),
    }
