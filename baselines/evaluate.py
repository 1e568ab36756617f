"""How good a saved policy is: `python -m baselines.evaluate --load_path=DIR --episodes=100`."""

import json
import sys
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from baselines import api
from baselines.common.cli import NEEDS_POLICY, errors_end_the_process, parse_all
from baselines.common.settings import setting
from baselines.envs import BACK_ENDS
from baselines.runs.evaluation import Evaluation, PolicyOptions
from baselines.storage.files import check_file_writable, replace_file


@dataclass(frozen=True)
class EvaluateOptions(PolicyOptions):
    """The command line."""

    episodes: int = setting(100, "episodes to play", 1, 10**9)
    num_env: int = setting(8, "environments stepped together", 1, 100_000)
    vec_env: str = setting("auto", "what steps them", choices=BACK_ENDS)
    seed: int = setting(0, "seed of the environments", 0, 1 << 62)
    json: str | None = setting(None, "file to write the figures to", path=True, default_text="")
    alg: str | None = setting(None, "module of an algorithm of your own, where the policy is of one", default_text="")


def main(argv: list[str] | None = None) -> None:
    """Evaluate what the command line says."""
    with errors_end_the_process():
        options = parse_all(EvaluateOptions, argv, "baselines.evaluate", __doc__, NEEDS_POLICY)
        if options is None:
            return
        assert options.load_path is not None  # NEEDS_POLICY
        if options.json:
            check_file_writable(options.json)
        policy = api.load_policy(options.load_path, options.alg)
        env, arguments = options.environment()
        found = api.evaluate(policy, env, options.episodes, num_env=options.num_env, seed=options.seed,
                             vec_env=options.vec_env, progress=True, env_kwargs=arguments.kwargs,
                             max_episode_steps=arguments.max_episode_steps,
                             reward_info=options.reward_info)  # fmt: skip
        for line in lines_of(found):
            print(line)
        if options.json:
            document = {"env": options.env or policy.spec.env_id, "seed": options.seed, **found.document()}
            with replace_file(options.json) as file:
                file.write(json.dumps(document, indent=2).encode() + b"\n")


def lines_of(found: Evaluation) -> list[str]:
    """For people."""
    lines = [f"episodes        {found.episodes}"]
    if found.success_rate is not None and found.success_interval is not None:
        low, high = found.success_interval
        lines.append(f"success rate    {found.success_rate:.3f}, 95 percent interval {low:.3f} to {high:.3f}")
    lines.append(f"return          {found.mean_return:.2f}, standard deviation {found.std_return:.2f}")
    lines.append(f"length          {found.mean_length:.1f} steps")
    if found.mean_final_distance is not None:
        lines.append(f"final distance  {found.mean_final_distance:.4f} to the goal, in its units")
    return lines


class _Callable(ModuleType):
    """`baselines.evaluate` is this module for `python -m`, and a function for Python programs: it is both."""

    def __call__(self, *arguments: Any, **named: Any) -> Evaluation:
        return api.evaluate(*arguments, **named)


sys.modules[__name__].__class__ = _Callable

if __name__ == "__main__":
    main()
