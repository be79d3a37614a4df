"""The options that say what is scored: the same in every command, each with an effect, from a file and from Python."""

import json
from pathlib import Path

import click
import pytest

import evalkit
from cli import make_app
from evalkit.commands.options import SHARED
from evalkit.errors import EvalkitError, UnknownNameError
from evalkit.evaluation.request import Request, RequestError
from helpers.program import call
from helpers.small_lasot import make_lasot, make_results, store_run, write_raw

COMMANDS = {
    "score": [],
    "explain": [],
    "compare": [],
    "make-table": [],
    "make-plots": ["--plot", "success", "--format", "svg"],
    "make-report": ["--worst", "0"],
    "render": ["cup-1", "--every", "6"],
}
BOTH = ["--tracker", "kcf,ncc"]
OPTIONS = [
    *(
        "--tracker",
        "--run",
        "--all-runs",
        "--predictions",
        "--layout-of-results",
        "--results",
        "--split",
        "--sequences",
    ),
    *("--annotations", "--data-root", "--layout", "--local-truth", "--protocol", "--allow-missing"),
    *("--with-random-weights", "--request"),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Two LaSOT copies, two results folders, raw files; of kcf two runs, of half a partial one."""
    top = tmp_path_factory.mktemp("shared")
    for name in ("here", "there"):
        root, results = make_lasot(top / name), make_results(top / name)
        if name == "there":
            for path in root.rglob("groundtruth.txt"):
                path.write_text(path.read_text().replace(",20,20,10", ",21,20,12"))
            store_run(results, "ncc", offset=6.0, seed=1)
    store_run(top / "here" / "results", "kcf", offset=4.0, seed=1)
    store_run(top / "here" / "results", "half", offset=1.0, names=("cup-1",))
    dry = {"weights_sha256": "random", "finished": "2026-02-01T00:00:00+00:00"}
    store_run(top / "here" / "results", "ncc", offset=9.0, **dry)
    for tracker, shift in (("kcf", 1.0), ("ncc", 3.0)):
        write_raw(top / "raw", tracker, shift)
    (top / "request.toml").write_text('tracker = "kcf,ncc"\nsequences = ["cup-2"]\nresults = "there/results"\n')
    return top


def base(folder: Path) -> list[object]:
    return ["--data-root", folder / "here" / "data", "--results", folder / "here" / "results"]


def outcome(
    folder: Path, command: str, *arguments: object, benchmark: str = "lasot"
) -> tuple[int, str, dict[str, bytes]]:
    """Exit code, what was printed, and the files written."""
    target = folder / "written"
    files = [] if command in {"score", "explain", "compare", "make-table"} else ["--output", target]
    if command == "make-report":
        files = ["--output", target / "report.html"]
    code, out, err = call(command, benchmark, *COMMANDS[command], *arguments, *files)
    written = {path.name: path.read_bytes() for path in sorted(target.rglob("*")) if path.is_file()}
    for path in target.rglob("*"):
        if path.is_file():
            path.unlink()
    return code, out + err, written


def changes(folder: Path) -> dict[str, list[object]]:
    """Option -> more arguments; what ``both`` and ``base`` give stands before them, so that they decide."""
    there = folder / "there"
    (older,) = {path.name for path in (folder / "here" / "results" / "lasot" / "kcf").iterdir()} - {taken(folder)}
    return {
        "--tracker": ["--tracker", "half,kcf", "--allow-missing"],
        "--run": ["--run", older],
        "--all-runs": ["--all-runs"],
        "--predictions": ["--predictions", folder / "raw"],
        "--layout-of-results": ["--predictions", folder / "raw", "--layout-of-results", "corners"],
        "--results": ["--results", there / "results"],
        "--split": ["--split", "nothing"],
        "--sequences": ["--sequences", "cup-2"],
        "--annotations": ["--annotations", there / "data" / "LaSOT"],
        "--data-root": ["--data-root", there / "data"],
        "--protocol": ["--protocol", "official"],
        "--allow-missing": ["--tracker", "half", "--allow-missing"],
        "--with-random-weights": ["--with-random-weights"],
        "--request": ["--request", folder / "request.toml"],
    }


def taken(folder: Path) -> str:
    """The run that is taken where none is named."""
    return json.loads(call("score", "lasot", "--tracker", "kcf", "--json", *base(folder))[1])["run"]


def options_of(command: str) -> dict[str, click.Parameter]:
    app = make_app()
    actual = app.get_command(click.Context(app), command)
    assert actual is not None
    return {name: option for option in actual.params for name in option.opts}


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_every_shared_option_with_the_same_words(command):
    assert len(SHARED) == len(OPTIONS)
    options, first = options_of(command), options_of("score")
    for name in [*OPTIONS, "--benchmark"]:
        told, expected = options[name].to_info_dict(), first[name].to_info_dict()
        assert told == expected, name
    assert options["benchmarks"].to_info_dict() == first["benchmarks"].to_info_dict()


@pytest.fixture(scope="module")
def plain(folder) -> dict[str, tuple[int, str, dict[str, bytes]]]:
    """What every command does where only trackers are named."""
    return {command: outcome(folder, command, *BOTH, *base(folder)) for command in COMMANDS}


@pytest.mark.parametrize("command", COMMANDS)
def test_every_shared_option_has_an_effect(folder, plain, command):
    assert plain[command][0] == 0, plain[command][1]
    for option, words in changes(folder).items():
        trackers = [] if option == "--tracker" else BOTH
        done = outcome(folder, command, *trackers, *base(folder), *words)
        assert done != plain[command], option
        assert (done[0] == 2) == (option == "--split"), done[1]


@pytest.mark.parametrize("command", COMMANDS)
def test_layout_and_local_truth_have_an_effect_where_they_mean_something(folder, command):
    videos = ["--data-root", folder / "here" / "data" / "LaSOT" / "cup", *BOTH]
    code, said, _ = outcome(folder, command, *videos, "--layout", folder / "nothing.toml", benchmark="custom")
    assert code == 1
    assert "nothing.toml" in said
    assert "nothing.toml" not in outcome(folder, command, *videos, benchmark="custom")[1]
    server = ["--split", "test", *base(folder), *BOTH]
    if command != "render":  # which draws what there is to see of it
        without, allowed = (
            outcome(folder, command, *server, *more, benchmark="got10k") for more in ([], ["--local-truth"])
        )
        assert without != allowed
        assert "--local-truth takes the truth" in allowed[1]


def test_a_request_file_and_python_say_the_same_as_options(folder):
    options = ["--tracker", "kcf,ncc", "--sequences", "cup-2", "--results", folder / "there" / "results"]
    place = ["--data-root", folder / "here" / "data"]
    from_options = call("score", "lasot", *options, *place, "--json")[1]
    assert call("score", "lasot", "--request", folder / "request.toml", *place, "--json")[1] == from_options
    request = Request.read(folder / "request.toml", benchmarks=("lasot",), data_root=folder / "here" / "data")
    summaries = [dict(score.summary) for score in evalkit.load_scores(request)]
    assert summaries == [document["scores"] for document in json.loads(from_options)]
    assert Request.read(str(folder / "request.toml"), trackers="ncc").trackers == ("ncc",)
    (ncc,) = evalkit.load_scores(request, trackers="ncc")
    assert dict(ncc.summary) == summaries[1]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("trackers = 3 4", "is no TOML file"),
        ('trakers = "kcf"', "unknown key 'trakers'; did you mean 'trackers'? ("),
        ('tracker = "kcf"\ntrackers = "ncc"', "several keys say the same as trackers"),
        ("trackers = 3", "trackers: Input should be a valid tuple, not 3"),
        ('allow-missing = "perhaps"', "allow_missing: Input should be a valid boolean"),
        ("interval = 95", "interval: expected a level such as 0.95, not 95"),
    ],
)
def test_a_wrong_request_file_says_what_where_and_what_was_expected(tmp_path, text, problem):
    (tmp_path / "request.toml").write_text(text)
    with pytest.raises(EvalkitError) as error:
        Request.read(tmp_path / "request.toml")
    assert problem in str(error.value)
    assert "request.toml" in str(error.value)


def test_values_from_python_are_checked():
    assert Request.of(trackers="kcf, ncc").trackers == ("kcf", "ncc")
    assert Request.of(data_root="there").data_root == Path("there")
    with pytest.raises(UnknownNameError, match="unknown option 'tracker'; did you mean 'trackers'"):
        Request.of(tracker="kcf")
    with pytest.raises(RequestError, match="expected one benchmark, not a, b"):
        Request.of(benchmarks="a,b").benchmark  # noqa: B018 - the access is the test


@pytest.mark.parametrize("command", ["score", "explain", "compare", "import-results"])
def test_the_old_name_of_the_layout_of_results_names_the_new_one(command):
    words = ["x", "--benchmark", "lasot", "--tracker", "t"] if command == "import-results" else ["lasot"]
    code, _, err = call(command, *words, "--format", "corners")
    assert code == 2
    assert "--layout-of-results corners" in " ".join(err.split())
