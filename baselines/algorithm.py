"""Everything that a writer of an algorithm needs; import from here only, other modules may change.

An algorithm is a module: `--alg=NAME` is the package `baselines.NAME`, which has a module `train`, and
`--alg=my_package.my_algorithm` is your own module. It must have

    learn(env: VecEnv, config: Config, run: Run) -> Agent

and may have

    Config                          its settings, a frozen dataclass that inherits `Settings`: --name=value and --help
    PRESETS: dict[str, Preset]      settings by name, for --preset
    ENV_DEFAULTS: dict[str, dict]   settings by task (the environment's name without version)
    SEARCH: dict[str, Range]        the ranges in which `python -m baselines.tune` searches settings
    write_demonstrations(path, episodes, spec, generator, seed)     for --record_demos

Imports that take seconds, such as TensorFlow, belong into `learn`, so that --help and errors come at once.

`learn` calls the run in this order:

    agent = ...                                         # an Agent with state() and load_state(arrays)
    if run.initial_policy: ...                          # --load_path: `begin_from(agent, policy)`, or its arrays
    test_env = run.evaluation_env(num_episodes=16)
    run.plan(n_cycles, steps_per_cycle, losses=(...))   # how long to train
    run.register(agent, buffer=buffer, ...)             # everything that changes, for checkpoints
    run.begin()                                         # optional: `epochs` does it; restores a resumed run
    for epoch in run.epochs():
        for cycle in run.cycles():                      # a run can be stopped after each cycle
            ...                                         # act in `env`, update the agent
        test_env.reseed(run.seeds_for("test", test_env.num_env)(epoch))
        tested = evaluate_in(agent.policy(), test_env, 16)
        metrics = run.mean({"test/mean_return": tested.mean_return, "total/timesteps": ...})
        run.end_epoch(metrics, score=metrics["test/mean_return"])
    return agent

Randomness comes from `run.rng(purpose)` and `run.seeds_for(purpose, num_env)`, so that a resumed run continues exactly.
`run.comm` has the other workers (mpirun), `run.clock.measure(phase)` times a block, `run.logger.info` writes a line. If
each cycle appends its losses to `run.progress.losses`, they survive a stop in the middle of an epoch. If each adds the
steps that it took to `run.progress.steps`, --num_timesteps counts these instead of `steps_per_cycle`.

examples/cross_entropy.py is a complete algorithm in fewer than 100 lines.
"""

from baselines.common.errors import TrainingError as TrainingError
from baselines.common.errors import UserError as UserError
from baselines.common.mpi import Communicator as Communicator
from baselines.common.settings import Settings as Settings
from baselines.common.settings import setting as setting
from baselines.common.specs import EnvSpec as EnvSpec
from baselines.common.state import Stateful as Stateful
from baselines.envs.base import Step as Step
from baselines.envs.base import VecEnv as VecEnv
from baselines.envs.lockstep import Episode as Episode
from baselines.envs.lockstep import run_episodes as run_episodes
from baselines.policies.evaluation import Evaluation as Evaluation
from baselines.policies.evaluation import evaluate_in as evaluate_in
from baselines.policies.evaluation import summary as summary
from baselines.policies.policy import Agent as Agent
from baselines.policies.policy import NetworkPolicy as NetworkPolicy
from baselines.policies.policy import Policy as Policy
from baselines.policies.policy import begin_from as begin_from
from baselines.runs.algorithms import Preset as Preset
from baselines.runs.algorithms import Range as Range
from baselines.runs.run import Run as Run
from baselines.runs.schedule import Schedule as Schedule
