"""Runs ``python -m serving`` and kills it with SIGKILL just before one of the things that it does to files.

A process of its own, which imports the command line once and forks for each run: it reads one JSON list a line, the
words of a command, the folder to watch and the number of the step to be killed before, and answers a JSON object.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import traceback
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self, cast

from tests.conftest import ROOT
from tests.serving.conftest import environment

NEVER = 1 << 30
# What changes files or folders, by Python's names for audit events (https://docs.python.org/3/library/audit_events.html).
# A folder opened for reading is about to be synchronised: the moment right after a rename.
_CHANGES = {"os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.link", "os.symlink", "os.truncate", "open"}
# Those whose last argument is an open folder, or -1.
_IN_FOLDERS = {"os.remove", "os.rmdir", "os.mkdir"}


@dataclass(frozen=True)
class Ended:
    """How a run ended.

    Attributes:
        killed: True if the step came that it was to be killed before.
        code: Its exit status, if it was not.
        steps: The steps that it took, each an audit event and a path.
        said: All that it printed.
    """

    killed: bool
    code: int
    steps: list[tuple[str, str]]
    said: str


class Launcher:
    """The process that forks; ended with the block."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.serving.killing"],
            cwd=ROOT,
            env=environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def run(self, repository: Path, *words: str, before_step: int = NEVER) -> Ended:
        """Runs a command on a repository, to the end or to its step of that number, from 1."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        job = ["--repository", str(repository), *words]
        self._process.stdin.write(json.dumps([job, str(repository), before_step]) + "\n")
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline())
        return Ended(answer["killed"], answer["code"], [(what, path) for what, path in answer["steps"]], answer["said"])

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.communicate()
        assert self._process.returncode == 0


def main() -> None:
    """Forks for each line."""
    import serving.__main__  # noqa: F401  # before the fork, so that it costs its second once

    for line in sys.stdin:
        words, watched, before_step = json.loads(line)
        print(json.dumps(_forked(words, watched, before_step)), flush=True)


def _forked(words: list[str], watched: str, before_step: int) -> dict[str, object]:
    told, tell = os.pipe()
    said, say = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(told)
        os.close(said)
        os.dup2(say, 1)
        os.dup2(say, 2)
        os._exit(_run(words, watched, before_step, tell))
    os.close(tell)
    os.close(say)
    with os.fdopen(told) as steps, os.fdopen(said) as output:
        # Few bytes, which the pipes hold: one after the other will do.
        seen, text = steps.read(), output.read()
    _, status = os.waitpid(child, 0)
    killed = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
    code = -1 if killed else os.waitstatus_to_exitcode(status)
    return {"killed": killed, "code": code, "steps": [line.split("\t") for line in seen.splitlines()], "said": text}


def _run(words: list[str], watched: str, before_step: int, tell: int) -> int:
    """In the child: the command line as `python -m serving` runs it."""
    from serving.__main__ import main as serving_main

    steps = 0

    def watch(event: str, arguments: tuple[object, ...]) -> None:
        nonlocal steps
        if event not in _CHANGES:
            return
        path = _place(event, arguments)
        if not path.startswith(watched) or not _changes(event, path, arguments):
            return
        steps += 1
        if steps == before_step:
            os.kill(os.getpid(), signal.SIGKILL)
        os.write(tell, f"{event}\t{path}\n".encode())

    sys.addaudithook(watch)
    try:
        return serving_main(words)
    except SystemExit as ended:
        return cast("int", ended.code)
    except BaseException:
        traceback.print_exc()
        return 70
    finally:
        sys.stdout.flush()
        sys.stderr.flush()


def _place(event: str, arguments: tuple[object, ...]) -> str:
    """The path that an event is about; it may be told relative to an open folder."""
    path, folder = str(arguments[0]), arguments[-1]
    if event not in _IN_FOLDERS or not isinstance(folder, int) or folder < 0:
        return path
    return str(Path(f"/proc/self/fd/{folder}").readlink() / path)


def _changes(event: str, path: str, arguments: tuple[object, ...]) -> bool:
    """Whether something will be another after the event."""
    match event:
        case "os.mkdir":
            return not Path(path).exists()
        case "os.remove" | "os.rmdir":
            return Path(path).exists()
        case "open":
            flags = cast("int", arguments[2])
            return bool(flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)) or Path(path).is_dir()
    return True


if __name__ == "__main__":
    main()
