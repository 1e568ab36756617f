"""Show a saved policy, in a window or as a video: `python -m baselines.play --load_path=DIR`."""

import contextlib
import functools
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from baselines.common.cli import NEEDS_POLICY, errors_end_the_process, parse_all
from baselines.common.errors import UserError
from baselines.common.seeding import env_seeds
from baselines.common.settings import setting
from baselines.common.specs import EnvSpec, check_same_sizes, other_task
from baselines.envs import (
    Video,
    check_renders,
    gymnasium_env,
    has_display,
    render_without_display,
)
from baselines.envs.arguments import NONE, EnvArguments
from baselines.envs.base import SUCCESS_BY_REWARD, VecEnv
from baselines.policies.numpy_networks import NETWORK
from baselines.policies.policy import Policy
from baselines.runs.algorithms import Algorithm, find, read_policy
from baselines.runs.evaluation import Episode, PolicyOptions, run_episodes, summary, task_of_policy
from baselines.storage.files import check_file_writable

Write = Callable[..., None]  # an algorithm's write_demonstrations
_GIF_WIDTH = 320  # pixels, at most
_ENDLESS = 10**9  # steps: one video of all episodes, which closing the environment ends


@dataclass(frozen=True)
class PlayOptions(PolicyOptions):
    """The command line."""

    episodes: int = setting(10, "episodes to play", 1, 10**9)
    video: str | None = setting(
        None, "FILE.mp4 or FILE.gif to record", path=True, default_text="a window, or without a display a video here"
    )
    seed: int = setting(0, "seed of the environment", 0, 1 << 62)
    record_demos: str | None = setting(
        None, "write the episodes to this file, as demonstrations, instead of showing them", path=True, default_text=""
    )
    keep_failures: bool = setting(False, "with --record_demos: write failed episodes too")
    alg: str | None = setting(None, "module of an algorithm of your own, where the policy is of one", default_text="")


def play(
    policy: Policy,
    env_id: str,
    episodes: int,
    seed: int,
    info: Callable[[str], None] = print,
    folder: str = ".",
    video: str | None = None,
    render: bool = True,
    arguments: EnvArguments = NONE,
) -> list[Episode]:
    """Play whole episodes without noise and say each one's return and success.

    In a window; or, without a display or with a `video` file, recorded: into `folder` where no file is given. Where
    nothing can render, the episodes are played all the same, unless a `video` was asked for. Raises UserError.
    """
    with contextlib.closing(gymnasium_env.make_one(env_id, arguments=arguments)) as model:
        spec = gymnasium_env.spec_of(model, env_id)
        check_same_sizes("the policy", policy.spec, spec)
        for warning in other_task("the policy", policy.spec, spec):
            info(warning)
    seeds = env_seeds(seed, 0, "play", 1)
    played: list[Episode] = []
    make = functools.partial(gymnasium_env.make, env_id, 1, seeds, arguments=arguments)
    with _shown_env(make, env_id, info, folder, video, arguments) if render else _hidden_env(make) as env:
        for number in range(1, episodes + 1):
            played += run_episodes(env, policy.act)
            outcome = {True: ", success", False: ", no success", None: ""}[played[-1].success]
            info(f"episode {number}: return {played[-1].reward.sum():.2f}{outcome}")
        if not env.reports_success and played[-1].success is not None:
            info(SUCCESS_BY_REWARD)
    whole = summary(played)
    rate = "" if whole.success_rate is None else f": success rate {whole.success_rate:.3f}"
    info(f"played {episodes} episodes{rate}, mean return {whole.mean_return:.2f}")
    return played


def record(
    path: str, played: list[Episode], spec: EnvSpec, keep_failures: bool, write: Write, seed: int,
    info: Callable[[str], None] = print,
) -> None:  # fmt: skip
    """Write episodes as demonstrations, the successful ones or all. Raises UserError."""
    kept = played if keep_failures else [episode for episode in played if episode.success]
    if not kept:
        raise UserError(f"no episode succeeded: nothing to write to {path}")
    write(path, kept, spec, "trained policy", seed)
    info(f"wrote {len(kept)} of {len(played)} episodes to {path}")


def writer_of(algorithm: Algorithm | None) -> Write:
    """What writes demonstrations for an algorithm; a policy that is just a network has none. Raises UserError."""
    if algorithm is None or algorithm.write_demonstrations is None:
        raise UserError("--record_demos: the policy's algorithm does not learn from demonstrations and writes none")
    return algorithm.write_demonstrations


def _hidden_env(make: Callable[..., VecEnv]) -> contextlib.AbstractContextManager[VecEnv]:
    return contextlib.closing(make(asynchronous=False))


@contextlib.contextmanager
def _shown_env(
    make: Callable[..., VecEnv],
    env_id: str,
    info: Callable[[str], None],
    folder: str,
    file: str | None,
    arguments: EnvArguments,
) -> Iterator[VecEnv]:
    """Environments render in a process of their own: with TensorFlow in the same one, MuJoCo's EGL can crash."""
    if not file and has_display():
        try:
            check_renders(env_id, "human", arguments)
        except UserError as error:
            info(f"playing without a window: {error}")
        else:
            with contextlib.closing(make(asynchronous=True, render_mode="human")) as env:
                yield env
            return
    render_without_display()
    try:
        check_renders(env_id, arguments=arguments)
    except UserError as error:
        if file:
            raise
        info(f"playing without a video: {error}")
        with _hidden_env(make) as env:
            yield env
        return
    with tempfile.TemporaryDirectory() if file else contextlib.nullcontext(folder) as place:
        info(f"recording a video into {file or place}")
        video = Video(place, _ENDLESS, "play")
        with contextlib.closing(make(asynchronous=True, video=video)) as env:
            yield env
        if file:
            _move_video(place, file)


def _move_video(folder: str, file: str) -> None:
    (recorded,) = [os.path.join(folder, name) for name in os.listdir(folder) if name.endswith(".mp4")]
    if file.endswith(".gif"):
        from moviepy import VideoFileClip  # which takes a second

        with VideoFileClip(recorded) as clip:  # a GIF of 480 pixels takes 2 MB an episode
            width = min(clip.w, _GIF_WIDTH)
            small = clip.resized((width, max(1, round(clip.h * width / clip.w))))
            small.write_gif(recorded + ".gif", logger=None)
        recorded += ".gif"
    shutil.move(recorded, file)


def main(argv: list[str] | None = None) -> None:
    """Play what the command line says."""
    with errors_end_the_process():
        options = parse_all(PlayOptions, argv, "baselines.play", __doc__, NEEDS_POLICY)
        if options is None:
            return
        assert options.load_path is not None  # NEEDS_POLICY
        if options.video and not options.video.endswith((".mp4", ".gif")):
            raise UserError(f"--video={options.video}: expected a file that ends with .mp4 or .gif")
        if options.video and options.record_demos:
            raise UserError("--record_demos is instead of showing the episodes: leave --video out")
        if options.keep_failures and not options.record_demos:
            raise UserError("--keep_failures keeps failed episodes of --record_demos=FILE: give both")
        for file in filter(None, (options.video, options.record_demos)):
            check_file_writable(file)
        algorithm = find(options.alg) if options.alg else None
        env, arguments = options.environment()
        policy = read_policy(options.load_path, algorithm)
        env_id, arguments = (env, arguments) if env else task_of_policy(policy.spec, arguments)
        alg = policy.document()["alg"]
        if not options.record_demos:
            play(policy, env_id, options.episodes, options.seed, video=options.video, arguments=arguments)
            return
        write = writer_of(algorithm or (find(alg) if alg != NETWORK else None))
        played = play(policy, env_id, options.episodes, options.seed, render=False, arguments=arguments)
        record(options.record_demos, played, policy.spec, options.keep_failures, write, options.seed)


if __name__ == "__main__":
    main()
