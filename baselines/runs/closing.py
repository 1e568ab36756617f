"""The last lines of a run: what it reached, where its policies are, and the commands that use them."""

import math
import os
import shlex
from collections.abc import Mapping

from baselines.common.cli import command_line
from baselines.common.errors import counted
from baselines.policies.evaluation import wilson_interval
from baselines.runs.options import Options
from baselines.runs.schedule import Schedule


def outcome(row: Mapping[str, float], best: float | None, episodes: int) -> str:
    """Return a line about the last `row` of the log, whose evaluation had so many episodes, and the best score."""
    rate = row.get("test/success_rate", math.nan)
    if math.isnan(rate):
        last = f"mean return {row.get('test/mean_return', math.nan):.4g} in the last evaluation"
    else:
        last = f"success rate {rate:.3g} in the last evaluation"
        if episodes:
            low, high = wilson_interval(round(rate * episodes), episodes)
            last += f" ({counted(episodes, 'episode')}; 95 percent interval {low:.2f} to {high:.2f})"
    return f"{last}; the best evaluation had {best:.4g}"


def what_next(options: Options, schedule: Schedule, workers: int, named: bool) -> list[str]:
    """Return lines about the policies and about further commands; `named` is False for the user's own environment."""
    lines, commands = [], list[list[str]]()
    if options.save_path:
        files = [os.path.join(options.save_path, f"{name}.safetensors") for name in ("best", "latest")]
        files = [file for file in files if os.path.exists(file)]
        lines = [f"policies: {' and '.join(files)}"]
        # A policy's file is not trusted to name a module, so the command must.
        own = ("env", "env_kwargs", "max_episode_steps", "reward_info") if ":" in options.env else ()
        flags = {"load_path": (files or [options.save_path])[0], **{name: getattr(options, name) for name in own}}
        commands = [command_line(f"baselines.{command}", flags, {}) for command in ("play", "evaluate") if named]
    if options.log_path and schedule.n_epochs:
        commands.append(["python", "-m", "baselines.plot", options.log_path, "--output=curves.png"])
        if named and options.checkpoint_interval:
            steps = 2 * schedule.n_epochs * schedule.n_cycles * schedule.steps_per_cycle
            more = {"num_timesteps": steps} if options.save_path else {"save_path": "DIR"}
            lines = lines or ["no policy was saved; the last of these commands saves it"]
            launcher = ["mpirun", "-np", str(workers)] if workers > 1 else []
            commands.append([*launcher, *command_line("baselines.run", {"resume": options.log_path, **more}, {})])
    return [*lines, *(["next:"] if commands else []), *(f"  {shlex.join(words)}" for words in commands)]
