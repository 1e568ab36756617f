"""Training, as the command line or Python asks for it: everything is looked at before anything is made or written."""

import contextlib
import dataclasses
import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import baselines
from baselines.common.errors import UserError
from baselines.common.mpi import Communicator, check_same_on_all
from baselines.common.seeding import env_seeds, new_seed
from baselines.common.settings import Settings, names_of
from baselines.common.specs import check_same_sizes, other_task
from baselines.envs import (
    as_vec_env,
    check_renders,
    has_display,
    make_vec_env,
    parse_arguments,
    parse_keys,
    render_without_display,
)
from baselines.envs.base import VecEnv
from baselines.policies.policy import Agent, Policy
from baselines.runs.algorithms import Algorithm, find, read_policy
from baselines.runs.checkpoints import read_newest
from baselines.runs.folder import Record, check_save_path, new_run_folder, read_record, record_of
from baselines.runs.logger import Logger
from baselines.runs.options import Options
from baselines.runs.resume import check_same, check_same_settings, resumed_config, resumed_options
from baselines.runs.run import Run
from baselines.runs.wandb_logger import check_installed


class _Prepared(NamedTuple):
    """What was given, looked at before anything is made or written."""

    options: Options
    algorithm: Algorithm
    config: Settings
    loaded: Policy | None  # to begin with
    record: Record | None  # of the run to resume
    recorded: Settings | None  # its settings


def launch(
    given: Mapping[str, Any],
    settings: Mapping[str, object],
    comm: Communicator,
    *,
    env: object = None,
    eval_env: object = None,
    callback: Callable[[dict[str, float]], object] | None = None,
    new_folder: bool = False,
    defaults: Mapping[str, str] | None = None,
    notes: Sequence[str] = (),
    after: Callable[[Agent, Run], None] = lambda agent, run: None,
) -> Agent:
    """Train, and return the agent. Raises UserError, TrainingError, and Interrupted where a signal stopped it in order.

    `given` are fields of `Options` and `settings` those of the algorithm; `defaults` are of the caller. `env` is the
    user's own environment, in place of a name. `new_folder` logs below runs/ where no log_path is given. `notes` are
    lines for the log. `after` is called with the log still open.
    """
    check_same_on_all(comm, {"version of baselines": baselines.__version__, **settings, **given})
    options, algorithm, config, loaded, record, recorded = _prepare(given, settings, defaults or {}, comm)
    if options.wandb_project and comm.rank == 0:
        check_installed()
    options = _complete(options, algorithm, comm, new_folder)
    with contextlib.ExitStack() as stack:
        logger = Logger(options.log_path, comm.rank > 0, record is not None, options.quiet, options.wandb_project)
        stack.push(lambda kind, *_: logger.close(failed=kind is not None))
        made = _environment(options, env, comm, stack)
        named = options.env if env is None else made.spec.env_id
        options = dataclasses.replace(options, env=named, num_env=made.num_env)
        config = config.for_env(made.spec)
        _check_same_run(comm, config, made)
        run = Run(options, made, comm, logger, lambda schedule: record_of(options, config, schedule, comm.size), stack)
        run.callback, run.initial_policy = callback, loaded
        run.notes = tuple(notes)
        if eval_env is not None:
            keys = parse_keys(options.reward_info)
            run.eval_env = as_vec_env(eval_env, lambda n: run.seeds_for("test", n)(0), keys)
            if not run.eval_env.spec.horizon:
                raise UserError("eval_env has no time limit, and would be waited for: wrap it in TimeLimit")
            check_same_sizes("the policy", made.spec, run.eval_env.spec)
        if record and recorded:
            check_same_settings(record.folder, recorded, config, settings)
            _resume(run, record, algorithm)
        if run.initial_policy:
            what = f"the policy in {options.load_path}"
            check_same_sizes(what, run.initial_policy.spec, made.spec)
            run.notes += (*other_task(what, run.initial_policy.spec, made.spec),)
        agent = algorithm.learn(made, config, run)
        if not isinstance(agent, Agent):
            raise UserError(f"--alg={options.alg}: learn must return a baselines.policies.policy.Agent, got {agent!r}")
        after(agent, run)
    return agent


def _prepare(
    given: Mapping[str, Any], settings: Mapping[str, object], defaults: Mapping[str, str], comm: Communicator
) -> _Prepared:
    if given.get("resume"):
        record = read_record(str(given["resume"]))
        options = resumed_options(record, given)
        algorithm = find(options.alg)
        recorded, config = resumed_config(record, algorithm.Config, settings)
        return _Prepared(options, algorithm, config, None, record, recorded)
    options = Options(**{**defaults, **given})
    algorithm = find(options.alg)
    loaded = read_policy(options.load_path, algorithm) if options.load_path else None
    of_policy = loaded.document().get("config") if loaded else None
    config = algorithm.config(options.env, settings, options.preset, of_policy, tuple(names_of(Options)))
    if options.save_path and comm.rank == 0:
        check_save_path(options.save_path)
    return _Prepared(options, algorithm, config, loaded, None, None)


def _check_same_run(comm: Communicator, config: Settings, env: VecEnv) -> None:
    """Raise UserError where workers train something else, though they were given the same: folders may differ."""
    files = names_of(type(config), path=True)
    trained = {name: value for name, value in config.document().items() if name not in files}
    check_same_on_all(comm, {**trained, "num_env": env.num_env, **env.spec.document()})


def _resume(run: Run, record: Record, algorithm: Algorithm) -> None:
    """Give the run what it continues from. Raises UserError where it is not the same run."""
    for name, then, now in (
        ("env", record.options.env, run.options.env),
        ("num_env", record.options.num_env, run.env.num_env),
        ("workers", record.workers, run.comm.size),
    ):
        check_same(record.folder, name, then, now)
    run.resumed = record.schedule
    run.saved = read_newest(record.folder, run.options.checkpoint_interval, run.comm, run.logger)
    if run.options.load_path and not run.saved:
        run.initial_policy = read_policy(run.options.load_path, algorithm)


def _complete(options: Options, algorithm: Algorithm, comm: Communicator, new_folder: bool) -> Options:
    """With what nobody said: the seed, the number of environments, the log folder."""
    seed = new_seed(comm) if options.seed is None else options.seed
    num_env = options.num_env or algorithm.preset(options.preset).num_env
    log_path = options.log_path
    if new_folder and log_path is None:
        # All ranks take rank 0's: the clock may go on between them.
        log_path = comm.all_gather(new_run_folder(options.alg, options.env, seed))[0]
    return dataclasses.replace(options, seed=seed, num_env=num_env, log_path=log_path)


def _environment(options: Options, env: object, comm: Communicator, stack: contextlib.ExitStack) -> VecEnv:
    """The user's own, or environments by name, which are closed at the end."""
    assert options.seed is not None and options.num_env is not None
    seeds_for = functools.partial(env_seeds, options.seed, comm.rank, "train")
    if env is not None:
        return as_vec_env(env, seeds_for, parse_keys(options.reward_info))
    arguments = parse_arguments(options.env_kwargs, options.max_episode_steps, options.reward_info)
    seeds, cores = seeds_for(options.num_env), comm.share_of_cores()
    made = make_vec_env(options.env, options.num_env, seeds, options.vec_env, cores, options.step_timeout, arguments)
    stack.callback(made.close)
    if options.save_video_interval and comm.rank == 0:
        if not has_display():
            render_without_display()
        check_renders(options.env, arguments=arguments)
    return made
