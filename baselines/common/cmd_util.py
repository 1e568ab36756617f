"""The launcher's arguments."""

import argparse
import ast
import dataclasses
import os
from collections.abc import Mapping

from baselines.common.errors import UserError, nearest
from baselines.common.vec_env import BACK_ENDS

_LONGEST_VALUE = 1000
_MOST_ENVIRONMENTS = 100_000
_DEFAULT_STEPS = 1e6
_OF_THIS_TIME = ("resume", "log_path")
_AFTER_TRAINING = ("help", "play", "play_episodes", "record_demos", "keep_failures")


class Parser(argparse.ArgumentParser):
    """Raises UserError instead of printing its usage and leaving."""

    def error(self, message: str):
        raise UserError(f"{message} (--help lists all)")


def make_parser() -> argparse.ArgumentParser:
    """The launcher's own flags; every other `--key=value` is a setting of the algorithm."""
    parser = Parser(prog="python -m baselines.run", allow_abbrev=False, add_help=False)
    add = parser.add_argument
    add("--help", "-h", action="store_true", help="this text")
    add("--alg", default="her", help="algorithm; your own: package.module with a function learn (default: her)")
    add("--env", default="FetchReach-v1", help="goal environment; your own: module:Id-v0 (default: FetchReach-v1)")
    add("--num_timesteps", type=_steps, help="environment steps of one worker; 0: train nothing (default: 1e6)")
    add("--n_epochs", type=count, help="epochs, instead of --num_timesteps")
    add("--num_env", type=num_env, help="environments per worker, stepped together (default: the preset's, else 1)")
    add("--vec_env", choices=BACK_ENDS, default="auto", help="what steps them (default: auto)")
    add("--step_timeout", type=_seconds, default=0, help="seconds that an environment in a process of its own (async) "
        "may take for a step; 0: any (default: 0)")  # fmt: skip
    add("--seed", type=count, help="seed of everything random (default: a new one, which the log tells)")
    add("--network", default="mlp", help="kind of network (default: mlp)")
    add("--preset", help="settings by name: single (one process, little time), paper19 (the papers' 19 workers in one "
        "process), demos (learning from demonstrations)")  # fmt: skip
    add("--demo_file", type=path, help="demonstrations to learn from, or minari:NAME")
    add("--load_path", type=path, help="folder of a policy to start from")
    add("--save_path", type=path, help="folder for the policies: latest, best, epoch_N")
    add("--checkpoint_interval", type=count, default=1, help="epochs between complete states in the log folder, to "
        "resume from; 0: none (default: 1)")  # fmt: skip
    add("--resume", type=path, help="log folder of a run to go on with, exactly as it would have; no other flag needed")
    add("--log_path", type=path, help="folder for logs and videos (default: a new one under runs/)")
    add("--play", action="store_true", help="after training, show the policy: in a window or as a video")
    add("--play_episodes", type=positive, default=10, help="episodes to play (default: 10)")
    add("--record_demos", type=path, help="with --play: write the episodes to this file, as demonstrations")
    add("--keep_failures", action="store_true", help="with --record_demos: write failed episodes too")
    add("--save_video_interval", type=count, default=0, help="record training every so many steps of the first "
        "environment; 0: never (default: 0)")  # fmt: skip
    add("--save_video_length", type=positive, default=200, help="steps of each such recording (default: 200)")
    return parser


def parse(argv: list[str]) -> tuple[argparse.Namespace, dict[str, object]]:
    """The launcher's flags, and the algorithm's settings as Python literals. Raises UserError."""
    parser = make_parser()
    args, rest = parser.parse_known_args(argv)
    if args.num_timesteps is not None and args.n_epochs is not None:
        raise UserError("give either --num_timesteps or --n_epochs, not both")
    if args.record_demos and not args.play:
        raise UserError("--record_demos records what is played: add --play")
    if args.keep_failures and not args.record_demos:
        raise UserError("--keep_failures keeps failed episodes of --record_demos=FILE: give both")
    if args.num_timesteps is None and args.n_epochs is None and not args.resume:
        args.num_timesteps = _DEFAULT_STEPS
    return args, parse_settings(rest, [a.option_strings[0].lstrip("-") for a in parser._actions])


def resumed(argv: list[str], saved: Mapping, folder: str) -> tuple[argparse.Namespace, dict[str, object]]:
    """As `parse`, for the words of the run in `folder` (see `words_to_keep`) and over them those of now.

    What is given now must be the same, but for how long to train and what to do afterwards. Raises UserError.
    """
    words = saved.get("words")
    if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
        raise UserError(f"{folder} holds no run to resume: its command.json lacks a list of words")
    earlier, earlier_settings = parse(words)
    args, settings = parse(argv)
    now = _given(argv)
    if "save_path" in now:
        now["save_path"] = os.path.abspath(now["save_path"])
    longer = {"num_timesteps", "n_epochs"}
    moved = {name for name in ("demo_file", "load_path") if getattr(earlier, name)}  # the file may be elsewhere now
    free = {*longer, *_AFTER_TRAINING, *_OF_THIS_TIME, *moved, "checkpoint_interval"}
    different = [k for k, v in now.items() if k not in free and v != getattr(earlier, k)]
    if different:
        name = different[0]
        then = f"--{name}={getattr(earlier, name)}"
        raise UserError(f"--resume={folder} goes on as it began, with {then}, not --{name}={now[name]}")
    if args.log_path and os.path.abspath(args.log_path) != os.path.abspath(folder):
        raise UserError(f"--resume={folder} writes its logs there, not to --log_path={args.log_path}")
    merged = argparse.Namespace(**{**vars(earlier), **now, "resume": folder, "log_path": folder})
    if longer & now.keys():
        merged.num_timesteps, merged.n_epochs = now.get("num_timesteps"), now.get("n_epochs")
    return merged, {**earlier_settings, **settings}


def words_to_keep(args: argparse.Namespace, settings: Mapping) -> list[str]:
    """The command as `resumed` needs it, with paths that do not depend on the folder it is said in."""
    defaults = {action.dest: action.default for action in make_parser()._actions}
    keep = {k: v for k, v in vars(args).items() if v != defaults[k] and k not in (*_AFTER_TRAINING, *_OF_THIS_TIME)}
    for name in ("save_path", "load_path", "demo_file"):
        if name in keep and not keep[name].startswith("minari:"):
            keep[name] = os.path.abspath(keep[name])
    return [f"--{name}={value}" for name, value in {**keep, **settings}.items()]


def _given(argv: list[str]) -> dict[str, object]:
    """The launcher's flags that are in these words, be it with their default."""
    parser, absent = make_parser(), object()
    nothing = argparse.Namespace(**{action.dest: absent for action in parser._actions})
    return {k: v for k, v in vars(parser.parse_known_args(argv, nothing)[0]).items() if v is not absent}


def parse_settings(words: list[str], flags: list[str] = ()) -> dict[str, object]:
    """`['--a=1', '--b', 'x']` -> `{'a': 1, 'b': 'x'}`. Values are read as literals, never evaluated."""
    settings, words = {}, list(words)
    while words:
        word = words.pop(0)
        name, equals, value = word.removeprefix("--").partition("=")
        if not word.startswith("--") or not name.isidentifier():
            raise UserError(f"expected --flag=value, got '{word}'")
        if not equals:
            if not words or words[0].startswith("--"):
                raise UserError(f"--{name} needs a value{nearest(name, flags)}")
            value = words.pop(0)
        if len(value) > _LONGEST_VALUE:
            raise UserError(f"--{name}: a value has at most {_LONGEST_VALUE} characters, this one has {len(value)}")
        settings[name] = _literal(value)
    return settings


def help_text(config_class: type | None, alg: str) -> str:
    """All flags, and all settings of the algorithm with default and meaning."""
    text = make_parser().format_help()
    if not dataclasses.is_dataclass(config_class):
        return text
    lines = [f"settings of --alg={alg} (--setting=value):"]
    for field in dataclasses.fields(config_class):
        lines.append(f"  --{field.name:<21} {field.metadata.get('meaning', '')} (default: {field.default})")
    return text + "\n" + "\n".join(lines)


def _literal(text: str):
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError, RecursionError, MemoryError, TypeError):
        return text


def path(text: str) -> str:
    """An argument: a file or folder, `~` expanded."""
    if not text:
        raise argparse.ArgumentTypeError("expected a file or folder, got nothing")
    return os.path.expanduser(text)


def _steps(text: str) -> float:
    return _number(text, float("inf"), "a number of at least 0, such as 5000 or 2.5e6")


def _seconds(text: str) -> float:
    return _number(text, 1e6, "seconds, at least 0, such as 10 or 0.5")


def _number(text: str, below: float, expected: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1
    if not 0 <= value < below:
        raise argparse.ArgumentTypeError(f"expected {expected}, got '{text}'")
    return value


def count(text: str, least: int = 0) -> int:
    """An argument: a whole number of at least 0."""
    if not (text.isascii() and text.isdigit() and int(text) >= least and len(text) < 19):
        raise argparse.ArgumentTypeError(f"expected a whole number of at least {least}, got '{text}'")
    return int(text)


def num_env(text: str) -> int:
    """An argument: 1 to 100,000 environments."""
    number = positive(text)
    if number > _MOST_ENVIRONMENTS:
        raise argparse.ArgumentTypeError(f"expected at most {_MOST_ENVIRONMENTS}, got {number}")
    return number


def positive(text: str) -> int:
    """An argument: a whole number of at least 1."""
    return count(text, 1)
