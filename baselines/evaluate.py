"""Evaluate a saved policy: `python -m baselines.evaluate --load_path=PATH --episodes=100`."""

import json
import os
import sys
from dataclasses import asdict, dataclass

from baselines import api
from baselines.common.cli import errors_end_the_process, parse_all, show
from baselines.common.errors import UserError
from baselines.common.settings import setting
from baselines.policies.evaluation import task_of_policy
from baselines.runs.options import EvaluationOptions, PolicyOptions
from baselines.storage import check_file_writable, write_file


@dataclass(frozen=True)
class EvaluateOptions(EvaluationOptions, PolicyOptions):
    """Options of the command."""

    json: str | None = setting(None, "file to write the figures to", path=True)


def main(argv: list[str] | None = None) -> None:
    """Run the command."""
    with errors_end_the_process():
        options = parse_all(EvaluateOptions, argv, "baselines.evaluate", __doc__)
        if options.json:
            if os.path.exists(options.json) and not os.path.isdir(options.json) and not options.json.endswith(".json"):
                raise UserError(f"--json={options.json} exists already, and only a .json file is replaced")
            check_file_writable(options.json)
        policy = api.load_policy(options.load_path)
        words = ["baselines.evaluate", *(sys.argv[1:] if argv is None else argv)]
        env, arguments = task_of_policy(policy.spec, options.import_env(), options.env_arguments(), words)
        evaluation = api.evaluate_policy(
            policy, env, options.episodes, num_env=options.num_env, seed=options.seed, vec_env=options.vec_env,
            env_kwargs=arguments.kwargs, max_episode_steps=arguments.max_episode_steps, reward_info=options.reward_info,
            progress=True,
        )  # fmt: skip
        lines = [f"episodes        {evaluation.episodes}"]
        if evaluation.success_interval is not None:
            low, high = evaluation.success_interval
            lines.append(f"success rate    {evaluation.success_rate:.3f}, 95 percent interval {low:.3f} to {high:.3f}")
        lines.append(f"return          {evaluation.mean_return:.2f}, standard deviation {evaluation.std_return:.2f}")
        lines.append(f"length          {evaluation.mean_length:.1f} steps")
        if evaluation.mean_final_distance is not None:
            lines.append(f"final distance  {evaluation.mean_final_distance:.4f} to the goal, in its units")
        try:
            if options.json:
                document = {"env": env, "seed": options.seed, **asdict(evaluation)}
                write_file(options.json, json.dumps(document, indent=2).encode() + b"\n")
        finally:  # on a full disk too
            show("\n".join(lines))


if __name__ == "__main__":
    main()
