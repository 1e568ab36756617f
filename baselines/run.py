"""The launcher: `python -m baselines.run --alg=her --env=FetchReach-v1 --num_timesteps=5000`."""

import argparse
import contextlib
import importlib
import importlib.util
import inspect
import os
import sys
import time
from collections.abc import Callable

from baselines.common.cmd_util import help_text, parse, resumed, words_to_keep
from baselines.common.errors import Interrupted, TrainingError, UserError, nearest
from baselines.common.logger import Logger, new_run_folder
from baselines.common.mpi import Communicator, abort_all_on_error, make_communicator
from baselines.common.seeding import env_seeds, new_seed
from baselines.common.storage.files import check_file_writable
from baselines.common.storage.policy_folder import read_document
from baselines.common.vec_env import Video, make_vec_env
from baselines.common.vec_env.base import GoalVecEnv


def main(argv: list[str] | None = None) -> None:
    """Run what the command line says; exit code 2 for bad input, 1 for a run that failed."""
    comm = Communicator()
    try:
        comm = make_communicator()
        abort_all_on_error(comm)
        run(sys.argv[1:] if argv is None else argv, comm)
    except (UserError, TrainingError) as error:
        if comm.rank > 0:
            time.sleep(2)  # all workers got the same bad input: let rank 0 alone tell
        where = f" (rank {comm.rank} of {comm.size})" if comm.size > 1 else ""
        print(f"error{where}: {' '.join(str(error).split())}", file=sys.stderr)
        comm.abort(2 if isinstance(error, UserError) else 1)
    except Interrupted as stopped:
        if comm.rank == 0:
            with contextlib.suppress(OSError):  # what reads it may have ended at the same Ctrl-C
                print(stopped, file=sys.stderr, flush=True)
        comm.all_gather(0)  # none may end the others before they are through
        sys.exit(stopped.exit_code)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        comm.abort(130)


def run(argv: list[str], comm: Communicator) -> None:
    """Parse, and launch what was asked for."""
    args, settings = parse(argv)
    if args.resume:
        args, settings = resumed(argv, read_document(args.resume, "command.json"), args.resume)
    module_name = find_alg(args.alg)
    config_module = _config_module(module_name)
    if args.help:
        if comm.rank == 0:
            print(help_text(getattr(config_module, "Config", None), args.alg))
        return
    if hasattr(config_module, "make_config"):
        # Complain before the seconds that importing TensorFlow takes.
        config_module.make_config(args.env, settings, args.preset, flags=vars(args))
    if args.record_demos:
        check_file_writable(args.record_demos)
    args.seed = new_seed(comm) if args.seed is None else args.seed
    documents = {"command.json": {"words": words_to_keep(args, settings)}}
    # All ranks take rank 0's: the clock may go on between them.
    args.log_path = args.log_path or comm.all_gather(new_run_folder(args.alg, args.env, args.seed))[0]
    args.num_env = args.num_env or getattr(config_module, "PRESET_NUM_ENV", {}).get(args.preset, 1)
    logger = Logger(args.log_path, quiet=comm.rank > 0, resume=bool(args.resume), documents=documents)
    with contextlib.closing(logger):
        _launch(args, settings, module_name, logger, comm)


def _launch(args: argparse.Namespace, settings: dict, module_name: str, logger: Logger, comm: Communicator) -> None:
    """Build the environments, learn, play."""
    _quiet_libraries()
    learn = _load_alg(module_name).learn
    wanted = dict(network=args.network, total_timesteps=args.num_timesteps, n_epochs=args.n_epochs, seed=args.seed,
                  preset=args.preset, demo_file=args.demo_file, load_path=args.load_path, save_path=args.save_path,
                  checkpoint_interval=args.checkpoint_interval, resume=args.resume,
                  logger=logger, comm=comm)  # fmt: skip
    wanted = _accepted(learn, wanted, settings)
    env = _make_env(args, comm)
    agent = learn(env=env, **wanted)
    env.close()
    if args.play and comm.rank == 0:
        if not hasattr(agent, "policy"):
            raise UserError(f"--play: the learn of --alg={args.alg} returned no agent with a method policy()")
        from baselines.play import play

        play(agent.policy(), args.env, args.play_episodes, args.seed, logger, args.record_demos, args.keep_failures)


def find_alg(alg: str) -> str:
    """The module of `--alg`: baselines.<alg>.<alg>, or package.module. Raises UserError."""
    name = alg if "." in alg else f"baselines.{alg}.{alg}"
    try:
        found = importlib.util.find_spec(name) is not None
    except (ImportError, ValueError):
        found = False
    if not found:
        known = [p for p in os.listdir(os.path.dirname(__file__)) if _is_alg(p)]
        hint = nearest(alg, known) or f"; there is: {', '.join(known)}"
        raise UserError(f"unknown algorithm '{alg}'{hint}. Your own: --alg=package.module with a function learn")
    return name


def _is_alg(name: str) -> bool:
    return os.path.exists(os.path.join(os.path.dirname(__file__), name, f"{name}.py"))


def _config_module(alg_module: str):
    """Where an algorithm tells its settings: experiment/config.py beside our own, else the algorithm's module."""
    if alg_module.startswith("baselines."):
        with contextlib.suppress(ImportError):
            return importlib.import_module(f"{alg_module.rpartition('.')[0]}.experiment.config")
    return _load_alg(alg_module)


def _load_alg(name: str):
    try:
        module = importlib.import_module(name)
    except (ImportError, SyntaxError) as error:
        raise UserError(f"--alg: cannot import '{name}': {type(error).__name__}: {error}") from None
    if not callable(getattr(module, "learn", None)):
        raise UserError(f"--alg: module '{name}' has no function learn(env, total_timesteps, seed, **settings)")
    return module


def _make_env(args: argparse.Namespace, comm: Communicator) -> GoalVecEnv:
    video = None
    if args.save_video_interval and comm.rank == 0:
        video = Video(os.path.join(args.log_path, "videos"), args.save_video_interval, args.save_video_length)
    seeds = env_seeds(args.seed, comm.rank, "train", args.num_env)
    return make_vec_env(args.env, args.num_env, seeds, args.vec_env, comm.share_of_cores(), video, args.step_timeout)


def _accepted(learn: Callable, wanted: dict, settings: dict) -> dict:
    """The arguments for an algorithm's `learn`: all settings, and what of the launcher's it takes. Raises UserError."""
    parameters = inspect.signature(learn).parameters
    takes_any = any(p.kind is p.VAR_KEYWORD for p in parameters.values())
    unknown = [name for name in settings if name not in parameters and not takes_any]
    # What it has no use for matters only if somebody asked for it.
    asked = ("n_epochs", "preset", "demo_file", "load_path", "save_path", "resume")
    unknown += [name for name in asked if wanted[name] is not None and name not in parameters]
    unknown += ["network"] if wanted["network"] != "mlp" and "network" not in parameters else []
    if unknown:
        raise UserError(f"the algorithm's learn takes no '{unknown[0]}'{nearest(unknown[0], parameters)}")
    return {**{name: value for name, value in wanted.items() if name in parameters}, **settings}


def _quiet_libraries() -> None:
    """Keep TensorFlow's start-up notes off the screen, and let MuJoCo render where there is no display."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    if "DISPLAY" not in os.environ and "WAYLAND_DISPLAY" not in os.environ and sys.platform == "linux":
        os.environ["MUJOCO_GL"] = os.environ.get("MUJOCO_GL") or "egl"
    with _silent_stderr():
        with contextlib.suppress(ImportError):  # told where it is really needed
            import tensorflow  # noqa: F401


@contextlib.contextmanager
def _silent_stderr():
    """TensorFlow writes to file descriptor 2 from C++ while it is imported, whatever its log level."""
    sys.stderr.flush()
    kept = os.dup(2)
    with open(os.devnull, "w") as devnull:
        os.dup2(devnull.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


if __name__ == "__main__":
    main()
