"""Trackers that are scripts of the VOT toolkit: each sequence runs in a process of its own, asked over a pipe.

What the script prints, on stdout too, is kept aside and shown only where it fails. It gets images as files, losslessly
(BMP, depth as PNG), since it reads them itself.
"""

import ast
import collections
import collections.abc as cabc
import contextlib
import importlib.util
import json
import os
import selectors
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import weakref
from pathlib import Path
from typing import IO, Any, NoReturn

import cv2
import numpy as np

from evalkit.boxes import Boxes
from evalkit.errors import TrackerError
from evalkit.provenance import hash_files
from evalkit.sequences import Modality
from evalkit.tracking import vot_child
from evalkit.tracking.foreign import Interface
from evalkit.tracking.interface import Image, Tracker, TrackerInfo, TrackerOptions
from evalkit.tracking.per_stream import per_stream
from evalkit.tracking.repository import OwnSpec, repository_roots, source_of
from evalkit.visible import visible

LONGEST_ANSWER = 1 << 20
LAST_WORDS = 2000
SECONDS_IN = {"depth": Modality.DEPTH, "ir": Modality.THERMAL}


def is_script(spec: OwnSpec) -> bool:
    """Whether a file imports vot, and either no class is asked for or the file tracks as soon as it is imported."""
    if spec.file is None or not spec.file.is_file():
        return False
    tree = source_of(spec.file)
    if not _imports_vot(tree):
        return False
    if not spec.class_name or any(any(_calls(statement)) for statement in _executed(tree)):
        return True
    if "vot" not in sys.modules and importlib.util.find_spec("vot") is None:  # for its regions
        sys.modules["vot"] = vot_child.module()
    return False


def load_script(spec: OwnSpec, options: TrackerOptions, *, timeout: float | None) -> Tracker[Any, Any]:
    """Make a tracker of a script.

    Args:
        spec: The file; ``FILE.py::ARGUMENTS`` hands arguments over.
        options: Weights and settings are refused: a script knows nothing of them.
        timeout: Seconds for one answer, None = no limit.

    Raises:
        TrackerError: Weights or settings were given.
    """
    assert spec.file is not None
    if options.weights is not None or options.settings:
        raise TrackerError(
            f"own tracker {spec.text}: a VOT script takes neither --weights nor --set; give it arguments, as "
            f"{spec.file.name}::'--checkpoint FILE'."
        )
    channels = _channels(source_of(spec.file))
    seconds = frozenset(SECONDS_IN[name] for name in channels if name in SECONDS_IN)
    roots = [Path(options.root).resolve()] if options.root is not None else repository_roots(spec.file)
    info = TrackerInfo(
        name=spec.class_name or spec.file.stem,
        modalities=seconds | {Modality.RGB},
        config={"source_sha256": hash_files([spec.file]), "arguments": spec.parameters or ""},
        required=seconds,
    )
    command = [str(spec.file), *shlex.split(spec.parameters or "")]
    environment = _environment(options.device, roots)
    return per_stream(
        lambda: ScriptTracker(info.name, command, channels, environment, timeout),
        info,
        concurrent=True,
        timeout=timeout,
        interface=Interface.VOT_SCRIPT.value,
    )


class ScriptTracker:
    """One sequence: a process that runs the script.

    Args:
        name: For error texts.
        command: Script and arguments.
        channels: What its source says that it reads: "color", "depth", "ir".
        environment: Of the process.
        timeout: Seconds for one answer, None = no limit.
    """

    def __init__(
        self, name: str, command: list[str], channels: list[str], environment: dict[str, str], timeout: float | None
    ) -> None:
        self._name = name
        self._command = command
        self._channels = channels
        self._environment = environment
        # a little less than the caller's own limit, whose thread would be lost
        self._seconds = None if timeout is None else timeout - min(1.0, 0.1 * timeout)
        self._frame = 0
        self._said: collections.deque[bytes] = collections.deque(maxlen=64)
        self._waiting = bytearray()

    def initialize(self, image: Image, box: Boxes, aux: Any = None) -> None:
        """Start the script and wait until it asks for the second frame."""
        self._folder = Path(tempfile.mkdtemp(prefix="evalkit-vot-"))
        their_requests, requests = os.pipe()
        answers, their_answers = os.pipe()
        their_life, life = os.pipe()
        theirs = (their_requests, their_answers, their_life)
        self._requests, self._answers = os.fdopen(requests, "wb", buffering=0), os.fdopen(answers, "rb", buffering=0)
        self._process = subprocess.Popen(  # noqa: S603 - the user's own script
            [sys.executable, "-u", vot_child.__file__, *map(str, theirs), *self._command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            pass_fds=theirs,
            start_new_session=True,
            env=self._environment,
        )
        for number in theirs:
            os.close(number)
        assert self._process.stdout is not None
        threading.Thread(target=_listen, args=(self._process.stdout, self._said), daemon=True).start()
        self.close = weakref.finalize(self, _end, self._process, (self._requests, self._answers), life, self._folder)
        asked = self._answer("channels")["channels"]
        if asked != self._channels:
            self._fail(f"asks for {asked}, while its source seemed to ask for {self._channels}")
        height, width = image.shape[:2]
        self._ask(image, aux, {"region": box.tolist(), "size": [width, height]})
        self._answer("ready", "region")

    def track(self, image: Image, aux: Any = None) -> Any:
        """Hand the next image over and wait for the region."""
        self._frame += 1
        self._ask(image, aux, {})
        answer = self._answer("region")
        return answer["region"] or [0.0] * 4, answer.get("confidence")

    def _ask(self, image: Image, aux: Any, more: dict[str, Any]) -> None:
        paths = [self._write(name, image if name == "color" else aux) for name in self._channels]
        try:
            self._requests.write(json.dumps({"images": paths, **more}).encode() + b"\n")
        except OSError:
            self._fail_dead()

    def _write(self, channel: str, picture: Any) -> str:
        """One file a channel, replaced for every frame; another name each time, for scripts that remember names."""
        suffix = ".png" if channel == "depth" else ".bmp"
        (self._folder / f"{channel}{self._frame - 1:08d}{suffix}").unlink(missing_ok=True)
        path = self._folder / f"{channel}{self._frame:08d}{suffix}"
        cv2.imwrite(str(path), picture if picture.ndim == 2 else np.ascontiguousarray(picture[:, :, ::-1]))
        return str(path)

    def _answer(self, *wanted: str) -> dict[str, Any]:
        line = self._line()
        try:
            answer = json.loads(line)
        except (ValueError, RecursionError):
            answer = None
        if not isinstance(answer, dict) or not any(name in answer for name in wanted):
            self._fail(f"answered {line[:80]!r} where {' or '.join(wanted)} was expected")
        return dict(answer)

    def _line(self) -> bytes:
        """One line of the pipe, within the time limit."""
        limit = None if self._seconds is None else time.monotonic() + self._seconds
        with selectors.DefaultSelector() as selector:
            selector.register(self._answers, selectors.EVENT_READ)
            while b"\n" not in self._waiting:
                left = None if limit is None else limit - time.monotonic()
                if left is not None and (left <= 0 or not selector.select(left)):
                    self._fail(f"did not answer within {self._seconds:g} s; if it is only slow, raise --timeout")
                if left is None:
                    selector.select()
                part = os.read(self._answers.fileno(), 1 << 16)
                if not part:
                    self._fail_dead()
                self._waiting += part
                if len(self._waiting) > LONGEST_ANSWER:
                    self._fail("sent an answer without an end")
        line, _, rest = bytes(self._waiting).partition(b"\n")
        self._waiting = bytearray(rest)
        return line

    def _fail_dead(self) -> NoReturn:
        try:
            code = self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._fail("closed its pipe")
        ended = f"by signal {signal.Signals(-code).name}" if code < 0 else f"with exit code {code}"
        self._fail(f"ended {ended} before the last frame")

    def _fail(self, what: str) -> NoReturn:
        self.close()
        time.sleep(0.05)  # its last words are on their way
        said = b"".join(self._said)[-LAST_WORDS:].decode("utf-8", "replace").strip().splitlines()[-6:]
        words = f" It said: {' | '.join(map(visible, said))}" if said else ""
        script = Path(self._command[0]).name
        raise TrackerError(f"{self._name}: the script {script} {what} (frame {self._frame}).{words}")


def _listen(stream: IO[bytes], said: collections.deque[bytes]) -> None:
    """Keep the end of what a process prints, so that it never waits and never fills memory."""
    with stream:
        while part := os.read(stream.fileno(), 4096):
            said.append(part)


def _end(process: subprocess.Popen[bytes], pipes: tuple[IO[bytes], ...], life: int, folder: Path) -> None:
    """End the process and all that it started; remove its images."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    for pipe in pipes:
        pipe.close()
    os.close(life)
    shutil.rmtree(folder, ignore_errors=True)


def _environment(device: str, roots: list[Path]) -> dict[str, str]:
    environment = dict(os.environ)
    environment["PYTHONPATH"] = os.pathsep.join([*map(str, roots), *filter(None, [environment.get("PYTHONPATH")])])
    number = device.partition(":")[2]
    if number:
        cards = [card for card in environment.get("CUDA_VISIBLE_DEVICES", "").split(",") if card]
        environment["CUDA_VISIBLE_DEVICES"] = cards[int(number)] if int(number) < len(cards) else number
    return environment


def _imports_vot(tree: ast.Module) -> bool:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import) and any(alias.name.partition(".")[0] == "vot" for alias in node.names):
            return True
        if isinstance(node, ast.ImportFrom) and not node.level and (node.module or "").partition(".")[0] == "vot":
            return True
    return False


def _executed(tree: ast.Module) -> list[ast.stmt]:
    """Statements that run when the file is imported; what stands behind ``if __name__`` does not."""
    apart = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    return [node for node in tree.body if not isinstance(node, apart) and "__name__" not in ast.dump(node)]


def _calls(tree: ast.AST) -> cabc.Iterator[ast.Call]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] in {"VOT", "VOTManager"}:
            yield node


def _channels(tree: ast.Module) -> list[str]:
    """What the script will ask for, by the words in its source."""
    for call in _calls(tree):
        place = 2 if ast.unparse(call.func).endswith("VOTManager") else 1
        given = [word.value for word in call.keywords if word.arg == "channels"] or call.args[place : place + 1]
        if given and isinstance(given[0], ast.Constant) and given[0].value in vot_child.CHANNELS:
            return vot_child.CHANNELS[given[0].value]
    return ["color"]
