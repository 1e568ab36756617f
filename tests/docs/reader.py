"""Somebody who does what a page says, from its first line to its last, in one folder."""

import importlib
import inspect
import re
from pathlib import Path

import numpy as np

import baselines
from baselines import api
from baselines.her.demonstrations import read_demonstrations
from baselines.policies.policy import read_policy
from tests.commands.doors import FETCH_REACH_SIZES
from tests.docs.given import NAMES, give
from tests.docs.pages import Piece
from tests.docs.rules import Try, try_command
from tests.docs.shell import commands_of
from tests.docs.short import short_settings

FILE = re.compile(r"# ([\w/]+\.py)\n")  # a Python block that begins so is the file of this name


class Reader:
    """`do` raises what goes wrong at a step, with its place in the page."""

    def __init__(self, folder: Path, launched: list[str]):
        self.folder, self.variables = folder, {"HOME": str(folder)}
        self.names, self.launched = {"__name__": "__main__", **NAMES}, launched

    def do(self, step: Piece) -> None:
        what = step.text
        try:
            if step.kind in ("python", "statement"):
                give(step.text)
                self._python(step)
                return
            # A script, such as of Slurm, is handed in a second time, after the first one was stopped.
            for _ in range(2 if step.text.startswith("#!") else 1):
                commands, self.variables = commands_of(step.text, self.folder, self.variables)
                for command in commands:
                    what = str(command)
                    give(what)
                    try_command(Try(command, step, self.launched))
        except BaseException as error:
            error.add_note(f"{step.where}: {what}")
            raise

    def _python(self, step):
        if step.kind == "statement":  # amid prose, which imports nothing
            exec(step.text, {"baselines": baselines})
            return
        if file := FILE.match(step.text):
            Path(file[1]).parent.mkdir(parents=True, exist_ok=True)
            Path(file[1]).write_text(step.text)
            importlib.import_module(file[1].removesuffix(".py").replace("/", "."))
            return
        exec(compile("\n" * step.line + step.text, step.page, "exec"), self.names)
        check_made(step.text, self.names)


def check_made(text: str, names: dict) -> None:
    """What a block of Python was to make is there, and is good."""
    if re.search(r"^\(?action\b", text, re.M):
        action = np.asarray(names["action"])
        assert action.size and np.isfinite(action).all(), f"no action: {action}"
    for path in re.findall(r"""log_path="([^"]+)""", text):
        assert Path(path, "progress.csv").exists(), f"no log in {path}"
    for path in re.findall(r"""(?:save_path=|\.save\()"([^"]+)""", text):
        read_policy(path)
    for path in re.findall(r"""write_demonstrations\("([^"]+)""", text):
        assert read_demonstrations(path, FETCH_REACH_SIZES).success.mean() > 0.5


def short_train(*arguments, **named):
    """`baselines.train` with short settings."""
    given = inspect.signature(api.train).bind(*arguments, **named).arguments
    given |= given.pop("settings", {})
    if "total_timesteps" in given:
        given["num_timesteps"] = given.pop("total_timesteps")
    return api.train(**short_settings(given))
