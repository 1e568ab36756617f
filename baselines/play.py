"""Show a saved policy in a window or as a video: `python -m baselines.play --load_path=PATH`."""

import contextlib
import dataclasses
import functools
import itertools
import math
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from baselines.common.cli import errors_end_the_process, parse_all, show
from baselines.common.errors import UserError, counted
from baselines.common.seeding import env_seeds
from baselines.common.settings import Settings, setting
from baselines.common.specs import EnvSpec, check_same_sizes, other_task
from baselines.envs import gymnasium_env
from baselines.envs.arguments import NONE, EnvArguments
from baselines.envs.base import SUCCESS_BY_REWARD
from baselines.envs.lockstep import Episode, run_episodes
from baselines.envs.rendering import VIDEO_FILE, check_renders, has_display
from baselines.policies.evaluation import summary, task_of_policy
from baselines.policies.policy import Policy, read_policy
from baselines.runs.algorithms import Algorithm, find, known_algorithms
from baselines.runs.options import EnvOptions, PolicyOptions
from baselines.storage import check_file_writable

Write = Callable[..., None]  # an algorithm's write_demonstrations
_GIF_WIDTH = 320  # pixels, at most


@dataclass(frozen=True)
class RecordOptions(Settings):
    """Options for recording played episodes as demonstrations."""

    record_demos: str | None = setting(
        None, "file to write the played episodes to as demonstrations, instead of showing them", path=True,
        group="demonstrations to record"
    )  # fmt: skip
    keep_failures: bool = setting(False, "with --record_demos: write failed episodes too")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.keep_failures and not self.record_demos:
            raise UserError("--keep_failures keeps failed episodes of --record_demos=FILE: give both")
        if self.record_demos and os.path.exists(self.record_demos) and not os.path.isdir(self.record_demos):
            raise UserError(f"--record_demos={self.record_demos} exists already: move it away, or give another name")


@dataclass(frozen=True)
class PlayOptions(RecordOptions, EnvOptions, PolicyOptions):
    """Options of the command."""

    episodes: int = setting(10, "episodes to play", 1, 10**9, group="playing")
    seed: int = setting(0, "seed of the environment", 0, 1 << 62)
    video: str | None = setting(
        None, "FILE.mp4 or FILE.gif to record", path=True, default_text="a window, or without a display a video here"
    )
    alg: str | None = setting(
        None, "with --record_demos: the algorithm that writes them", default_text="the policy's own"
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.video and not self.video.endswith((".mp4", ".gif")):
            raise UserError(f"--video={self.video}: expected a file that ends with .mp4 or .gif")
        if self.video and self.record_demos:
            raise UserError("--record_demos does not show the episodes: leave out --video")


def play(
    policy: Policy, env_id: str, episodes: int, seed: int, info: Callable[[str], None] = show, folder: str = ".",
    video: str | None = None, render: bool = True, arguments: EnvArguments = NONE,
) -> list[Episode]:  # fmt: skip
    """Play whole episodes without noise and print the return and success of each.

    Episodes are shown in a window; with a `video` file they are recorded there, without a display into `folder`. If
    rendering fails and no `video` was asked for, the episodes are played unseen. Raises UserError.
    """
    with contextlib.closing(gymnasium_env.make_one(env_id, arguments=arguments)) as model:
        spec = dataclasses.replace(gymnasium_env.spec_of(model, env_id), env_kwargs=arguments.text())
        check_same_sizes("the policy", policy.spec, spec)
        for warning in other_task("the policy", policy.spec, spec):
            info(warning)
    played: list[Episode] = []
    make = functools.partial(gymnasium_env.make, env_id, 1, env_seeds(seed, 0, "play", 1), arguments=arguments)
    kind = _kind_of_picture(env_id, arguments, info, video) if render else None
    with contextlib.ExitStack() as stack:
        shown: dict[str, Any] = {"asynchronous": False}
        if kind:  # in a process of its own: with TensorFlow in the same one, MuJoCo's EGL can crash
            shown = {"asynchronous": True, "render_mode": "human"}
        if kind == "video":
            shown = {"asynchronous": True, "video": stack.enter_context(_recording(folder, video, info))}
        env = stack.enter_context(contextlib.closing(make(**shown)))
        env.show_only(policy.spec.observation_sizes)
        for number in range(1, episodes + 1):
            played += run_episodes(env, policy.act)
            outcome = {True: ", success", False: ", no success", None: ""}[played[-1].success]
            info(f"episode {number}: return {played[-1].reward.sum():.2f}{outcome}")
        if not env.reports_success and played[-1].success is not None:
            info(SUCCESS_BY_REWARD)
    whole = summary(played)
    rate = "" if whole.success_rate is None else f": success rate {whole.success_rate:.3f}"
    info(f"played {counted(episodes, 'episode')}{rate}, mean return {whole.mean_return:.2f}")
    return played


def record(
    options: RecordOptions, played: list[Episode], spec: EnvSpec, write: Write, seed: int,
    info: Callable[[str], None] = show,
) -> None:  # fmt: skip
    """Write the successful episodes, or all, as demonstrations. Raises UserError."""
    assert options.record_demos
    written = [episode for episode in played if episode.success or options.keep_failures]
    if not written:
        raise UserError(f"no episode succeeded: nothing to write to {options.record_demos}")
    write(options.record_demos, written, spec, "trained policy", seed)
    info(f"wrote {len(written)} of {counted(len(played), 'episode')} to {options.record_demos}")


def demonstrations_writer(algorithm: Algorithm | None) -> Write:
    """Return the algorithm's `write_demonstrations`. Raises UserError if there is none."""
    if algorithm is None or algorithm.write_demonstrations is None:
        raise UserError("--record_demos: the policy's algorithm does not learn from demonstrations and writes none")
    return algorithm.write_demonstrations


def _kind_of_picture(env_id: str, arguments: EnvArguments, info: Callable[[str], None], file: str | None) -> str | None:
    """Return "window" or "video", or None where neither can be made. Raises UserError if `file` cannot."""
    for kind in ("window", "video") if has_display() and not file else ("video",):
        try:
            check_renders(env_id, "human" if kind == "window" else "rgb_array", arguments)
            return kind
        except UserError as error:
            if file:
                raise
            info(f"playing without a {kind}: {error}")
    return None


@contextlib.contextmanager
def _recording(folder: str, file: str | None, info: Callable[[str], None]) -> Iterator[str]:
    """Yield a folder for a video, which is then moved to `file`, or to a new file of `folder`. Raises UserError."""
    names = (os.path.join(folder, f"play{'' if n == 1 else n}.mp4") for n in itertools.count(1))
    file = file or next(name for name in names if not os.path.exists(name))
    info(f"recording {file}")
    with tempfile.TemporaryDirectory(dir=os.path.dirname(os.path.abspath(file))) as place:
        yield place
        from moviepy import VideoFileClip

        made = os.path.join(place, VIDEO_FILE)
        try:
            VideoFileClip(made).close()
        except OSError:  # a video that was cut off has no index, which is at its end
            raise UserError(f"cannot write {file}: the video is not complete (is the disk full?)") from None
        if file.endswith(".gif"):
            write_gif(made, f"{made}.gif")
            made += ".gif"
        shutil.move(made, file)


def write_gif(video: str, path: str, most_frames: int = 10**9) -> None:
    """Convert a video to a small GIF of the same duration, with at most `most_frames` frames."""
    from moviepy import VideoFileClip  # takes a second
    from PIL import Image

    with VideoFileClip(video) as clip:
        stride = math.ceil(max(1, clip.n_frames) / most_frames)
        size = min(_GIF_WIDTH, clip.w), math.ceil(clip.h * min(_GIF_WIDTH, clip.w) / clip.w)
        frames = [Image.fromarray(x).resize(size) for i, x in enumerate(clip.iter_frames()) if i % stride == 0]
        milliseconds = 1000 * stride / clip.fps
    frames[0].save(path, save_all=True, append_images=frames[1:], duration=milliseconds, loop=0)


def main(argv: list[str] | None = None) -> None:
    """Run the command."""
    with errors_end_the_process():
        options = parse_all(PlayOptions, argv, "baselines.play", __doc__)
        for file in filter(None, (options.video, options.record_demos)):
            check_file_writable(file)
        algorithm = find(options.alg) if options.alg else None
        env, arguments = options.import_env(), options.env_arguments()
        policy = read_policy(options.load_path)
        words = ["baselines.play", *(sys.argv[1:] if argv is None else argv)]
        env_id, arguments = task_of_policy(policy.spec, env, arguments, words)
        write = None
        if options.record_demos:
            write = demonstrations_writer(algorithm or (find(policy.alg) if policy.alg in known_algorithms() else None))
        played = play(policy, env_id, options.episodes, options.seed, video=options.video, render=write is None,
                      arguments=arguments)  # fmt: skip
        if write:
            record(options, played, policy.spec, write, options.seed)


if __name__ == "__main__":
    main()
