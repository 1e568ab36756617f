"""The back end for every Gymnasium environment, by name or the user's own, one after the other or in processes."""

import contextlib
import dataclasses
import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

import gymnasium
import numpy as np
from gymnasium.envs import registration
from gymnasium.spaces import Box, Dict, Discrete
from gymnasium.vector import AsyncVectorEnv, AutoresetMode, SyncVectorEnv, VectorEnv, VectorWrapper

from baselines.common.errors import TrainingError, UserError
from baselines.common.specs import GOAL_KEYS, UNNAMED, Actions, EnvSpec
from baselines.envs import faults
from baselines.envs.arguments import NONE, EnvArguments
from baselines.envs.base import Observation, Step, VecEnv
from baselines.envs.directory import environment_code
from baselines.envs.flattening import flattened
from baselines.envs.names import OLD_GYM, gymnasium_id
from baselines.envs.old_gym import make_old_gym
from baselines.envs.rendering import recorded
from baselines.envs.reward import RECORDED, GoalReward, has_reward_function

_UNBOUNDED = 1e18  # larger bounds of actions count as infinite: scaling to them loses all precision
# Wrappers without which an evaluation has the same numbers; the time limit is recorded by itself.
_CHANGE_NOTHING = {"TimeLimit", "OrderEnforcing", "PassiveEnvChecker", "HumanRendering", "RecordVideo",
                   "RecordEpisodeStatistics"}  # fmt: skip
# Entries of a vector's spec that gymnasium.make does not take, or adds as a wrapper.
_OF_VECTORS = {"num_envs", "vectorization_mode", "vector_kwargs", "max_episode_steps"}


class GymnasiumVecEnv(VecEnv):
    """A `gymnasium.vector` environment."""

    def __init__(
        self, model: gymnasium.Env, env_id: str, num_env: int, seeds: list[int], make: Callable[[], gymnasium.Env],
        reward_info: Sequence[str], asynchronous: bool = False, step_timeout: float = 0,
        vector: VectorEnv | None = None,
    ):  # fmt: skip
        """Prepare `vector`, or `num_env` environments, which the first reset makes with `make`. Raises UserError.

        `model` is one such environment, for its spaces and its reward. If there is no `vector`, it is closed here, and
        it is the first of those that are not in processes. A `step_timeout` of 0 waits forever for processes.
        """
        self.spec, self.num_env = spec_of(model, env_id), num_env
        self.compute_reward = GoalReward.of(model, self.spec, reward_info)
        how = "in a process each" if asynchronous else "one after the other"
        self.description = f"{num_env} x {env_id}, stepped by Gymnasium {how}"
        space = model.observation_space
        self.unused = tuple(space.spaces.keys() - self.spec.observation_sizes.keys()) if isinstance(space, Dict) else ()
        self.why_alone = "it records videos" if model.has_wrapper_attr(RECORDED) else ""
        self.why_alone = "it shows a window" if model.render_mode == "human" else self.why_alone
        self._make, self._seeds, self._timeout, self._asynchronous = make, seeds, step_timeout, asynchronous
        self._model, self._vector = model, cast(Any, vector)
        self._spare = None if vector or asynchronous else model  # which becomes one of the vector
        self.closing = contextlib.ExitStack()  # closes what was made here
        if not vector:
            self.closing.callback(faults.close, model)

    def _reset(self) -> Observation:
        if self._vector is None:
            self._vector = self._start()
        if self.compute_reward and self.compute_reward.reward_info:
            self._vector.unwrapped.set_attr("info_type", self.compute_reward.info_type)
        seeds: Any = self._seeds
        if seeds and not isinstance(self._vector.unwrapped, (SyncVectorEnv, AsyncVectorEnv)):
            seeds = seeds[0]  # a vector that computes all environments at once takes a single seed
        observed, _ = self._call("reset", seed=seeds)
        self._seeds = None  # each environment continues with its own generator
        return cast(Observation, observed)

    def _step(self, action: np.ndarray) -> Step:
        observed, reward, terminated, truncated, info = self._call("step", action)
        info = info if isinstance(info, Mapping) else {}
        success = _success(info, self.num_env)
        return Step(observed, reward, terminated, truncated, success, info.get(faults.REWARD_INFO))

    def _call(self, name: str, *arguments: Any, **named: Any) -> Any:
        with faults.naming_environments(self._vector):
            if not self._timeout:
                return getattr(self._vector, name)(*arguments, **named)
            getattr(self._vector, f"{name}_async")(*arguments, **named)
            faults.wait_for_answers(self._vector, self._timeout)
            return getattr(self._vector, f"{name}_wait")()

    def _start(self) -> VectorEnv:
        make = self._make

        def make_at(index: int) -> faults.ErrorContext:
            return faults.ErrorContext(make(), index)

        if self._asynchronous:
            vector = faults.in_processes(make_at, self.num_env, self._model)
            self.closing.enter_context(contextlib.suppress(Exception))  # of processes that have ended
            self.closing.callback(vector.close)
            return vector
        envs = [faults.ErrorContext(self._spare, 0)] if self._spare else []
        while len(envs) < self.num_env:
            envs.append(self.closing.enter_context(contextlib.closing(make_at(len(envs)))))
        return SyncVectorEnv([functools.partial(envs.__getitem__, i) for i in range(self.num_env)])

    def copies(self, num_env: int, seeds: list[int]) -> VecEnv:
        """Make new environments of the same task and back end, which share the model; return `self` if none can live.

        All are reset, because a simulator of which there is only one may be found then; and these go first.
        """
        if self.why_alone:
            return self
        own_seeds = self._seeds
        self.reset()
        self._seeds = own_seeds
        others = self._twin(num_env, seeds)
        others._vector, others._spare, others.closing = None, None, contextlib.ExitStack()
        try:
            others.reset()
        except (Exception, SystemExit) as error:
            self.why_alone = faults.describe_error(error)
            others.close()
            return self
        others._seeds = seeds
        return others

    def close(self) -> None:
        """Close the environments that were made here, not those of the user."""
        self.closing.close()


def make(
    env_id: str, num_env: int, seeds: list[int], asynchronous: bool, step_timeout: float = 0,
    arguments: EnvArguments = NONE, render_mode: str | None = None, video: str | None = None,
) -> GymnasiumVecEnv:  # fmt: skip
    """Make `num_env` environments of a registered id; each records a video in the folder `video`. Raises UserError."""
    make = functools.partial(make_one, env_id, render_mode, video, arguments)
    model = make_one(env_id, arguments=arguments) if asynchronous else make()
    return GymnasiumVecEnv(model, env_id, num_env, seeds, make, arguments.reward_info, asynchronous, step_timeout)


def as_vec_env(
    env: object, seeds_for: Callable[[int], list[int]], reward_info: Sequence[str] = (),
    stack: contextlib.ExitStack | None = None,
) -> VecEnv:  # fmt: skip
    """Wrap the user's own environment or vector; `seeds_for(num_env)` gives seeds. Raises UserError.

    The user's own stays open; a model that is made for it is closed with `stack`, or by `close`.
    """
    if isinstance(env, VecEnv):
        return env
    vector: VectorEnv
    if isinstance(env, VectorEnv):
        vector, (model, spec) = env, _model_of(env)
    elif isinstance(env, gymnasium.Env):
        model, spec = flattened(env), env.spec
        vector = SyncVectorEnv([lambda: faults.ErrorContext(model, 0)])
    else:
        raise UserError(f"env: expected a name, a Gymnasium environment or a vector of them, got {env!r}")
    if vector.metadata.get("autoreset_mode", AutoresetMode.NEXT_STEP) != AutoresetMode.NEXT_STEP:
        raise UserError("the vector environment must have Gymnasium's default, autoreset_mode=AutoresetMode.NEXT_STEP")
    if flattened(model) is not model:
        raise UserError(
            f"a vector environment must return vectors, not {model.observation_space}: pass a single environment, or "
            "its name, which are flattened; or wrap each environment in gymnasium.wrappers.FlattenObservation"
        )
    if reward_info and not isinstance(vector.unwrapped, SyncVectorEnv):
        raise UserError("--reward_info needs environments by name, single ones, or a SyncVectorEnv of them")

    def make() -> gymnasium.Env:
        return flattened(gymnasium.make(cast(registration.EnvSpec, spec), disable_env_checker=True))

    name, num_env = spec.id if spec else UNNAMED, vector.num_envs
    wrapped = GymnasiumVecEnv(model, name, num_env, seeds_for(num_env), make, reward_info, vector=vector)
    wrapped.description = f"{num_env} x {name}, stepped by {type(env).__name__}"
    wrapped.origin = env.unwrapped
    if spec:
        kwargs, left_out = _made_with(spec, env)
        wrapped.spec = dataclasses.replace(wrapped.spec, env_kwargs=kwargs, left_out=left_out)
    if spec is None or isinstance(env, VectorWrapper) or any(w.kwargs is None for w in spec.additional_wrappers):
        wrapped.why_alone = "gymnasium.make cannot make it again with all its wrappers"
    if isinstance(env, VectorEnv):
        _pass_any_info(env.unwrapped)
        if not hasattr(env.unwrapped, "envs"):
            wrapped.closing.callback(faults.close, model)
    if stack:
        stack.callback(wrapped.close)
    return wrapped


def _pass_any_info(vector: Any) -> None:
    """Let a vector leave out entries of infos that it cannot join: None and numbers, arrays of several sizes."""

    def add(infos: dict[str, Any], info: Any, index: int) -> dict[str, Any]:
        for key, value in info.items() if isinstance(info, Mapping) else ():
            with contextlib.suppress(Exception):
                infos = type(vector)._add_info(vector, infos, {key: value}, index)
        return infos

    vector._add_info = add


def _made_with(spec: registration.EnvSpec, env: object) -> tuple[str, str]:
    """Return the arguments of a user's environment, as --env_kwargs, and the names of what no flag can repeat."""
    by_name = gymnasium.registry.get(spec.id, registration.EnvSpec(spec.id))
    changed = {k: v for k, v in spec.kwargs.items() if repr(v) != repr(by_name.kwargs.get(k, ...))}
    changed.pop("render_mode", None)
    kwargs = {name: value for name, value in changed.items() if EnvArguments({name: value}).text()}
    wrappers = [wrapper.name for wrapper in spec.additional_wrappers[len(by_name.additional_wrappers) :]]
    while isinstance(env, VectorWrapper):
        wrappers, env = [*wrappers, type(env).__name__], env.env
    missing = [f"the argument {name}" for name in changed if name not in kwargs]
    missing += [f"the wrapper {name}" for name in wrappers if name not in _CHANGE_NOTHING]
    return EnvArguments(kwargs).text(), " and ".join(missing)


def name_of(env: Any) -> str:
    """Return the id of a user's own environment or vector, where it has one."""
    env = env.envs[0] if getattr(env, "envs", None) else env
    spec = getattr(env, "spec", None)
    return str(getattr(spec, "id", None) or getattr(spec, "env_id", UNNAMED))


def _model_of(vector: VectorEnv) -> tuple[gymnasium.Env, registration.EnvSpec | None]:
    """Return one environment with the spaces that the vector's wrappers show, and its spec. Raises UserError."""
    inner: Any = vector.unwrapped
    if callable(getattr(inner, "compute_reward", None)):
        single: gymnasium.Env = _OneOfVector(vector)
    elif hasattr(inner, "envs"):
        single = inner.envs[0]
        if isinstance(single, faults.ErrorContext):  # in a vector that was used before
            single = single.env
        elif isinstance(inner, SyncVectorEnv):
            inner.envs = [faults.ErrorContext(env, i, keep_info=True) for i, env in enumerate(inner.envs)]
    elif isinstance(inner, AsyncVectorEnv):
        single = inner.env_fns[0]()
    elif vector.spec is not None:
        kwargs = {name: value for name, value in vector.spec.kwargs.items() if name not in _OF_VECTORS}
        single = gymnasium.make(dataclasses.replace(vector.spec, kwargs=kwargs), disable_env_checker=True)
    else:
        single = _OneOfVector(vector)
    model = gymnasium.Wrapper(single)
    model.observation_space, model.action_space = vector.single_observation_space, vector.single_action_space
    return model, single.spec


class _OneOfVector(gymnasium.Env[Any, Any]):
    """The time limit and reward function of a vector that computes all environments at once."""

    def __init__(self, vector: VectorEnv):
        limit = getattr(vector.unwrapped, "_max_episode_steps", None)
        self._max_episode_steps = limit or getattr(vector.spec, "max_episode_steps", None)
        if callable(compute := getattr(vector.unwrapped, "compute_reward", None)):

            @functools.wraps(compute)
            def compute_reward(achieved: np.ndarray, desired: np.ndarray, *info: Any) -> Any:
                """Call it with rows of goals only, as its steps do."""
                return np.reshape(compute(np.atleast_2d(achieved), np.atleast_2d(desired), *info), achieved.shape[:-1])

            self.compute_reward = compute_reward


@environment_code()
def make_one(
    env_id: str, render_mode: str | None = None, video: str | None = None, arguments: EnvArguments = NONE
) -> gymnasium.Env:
    """Make one environment of a registered id. Raises UserError, whatever its code raises."""
    name, mode = gymnasium_id(env_id), "rgb_array" if video else render_mode
    rendering: dict[str, Any] = {"render_mode": mode} if mode else {}  # not all environments take this argument
    try:
        if name.startswith(OLD_GYM):
            env = make_old_gym(name, mode, arguments)
        else:
            env = gymnasium.make(name, disable_env_checker=True, **rendering, **arguments.for_make())
    except UserError:
        raise
    except (Exception, SystemExit) as error:
        why = error if isinstance(error, gymnasium.error.Error) else faults.describe_error(error)
        raise UserError(f"environment '{name}' cannot be made: {why}") from None
    return recorded(flattened(env), video) if video else flattened(env)


def spec_of(env: gymnasium.Env, env_id: str) -> EnvSpec:
    """Return sizes and horizon. Raises UserError for observations and actions that are not vectors."""
    space, actions = env.observation_space, env.action_space
    entries = space.spaces if isinstance(space, Dict) else {"observation": space}
    sizes = {key: entry.shape[0] for key, entry in entries.items() if isinstance(entry, Box) and len(entry.shape) == 1}
    goals = set(GOAL_KEYS) <= entries.keys()  # no policy needs other entries then
    for key in [key for key in entries if key not in sizes and (key in GOAL_KEYS or not goals)]:
        raise UserError(
            f"'{env_id}': expected observations that are vectors, or a dictionary of vectors; '{key}' is "
            f"{entries[key]}. gymnasium.wrappers.FlattenObservation makes a vector of most spaces"
        )
    if isinstance(actions, Discrete) and actions.start == 0:
        action_size, discrete, units = int(actions.n), True, Actions()
    elif isinstance(actions, Box) and len(actions.shape) == 1:
        action_size, discrete, units = actions.shape[0], False, _actions_of(actions, env_id)
    else:
        raise UserError(f"'{env_id}': expected actions that are a vector, or a number from 0 to n - 1, got {actions}")
    limit = "_max_episode_steps"  # of TimeLimit
    horizon = env.get_wrapper_attr(limit) if env.has_wrapper_attr(limit) else getattr(env.spec, limit[1:], None)
    horizon = int(horizon) if horizon and horizon == horizon // 1 else horizon  # also NumPy's numbers
    layouts = getattr(env, "layouts_of_entries", {})  # of `flattened`
    return EnvSpec(env_id, sizes, action_size, horizon or 0, discrete, has_reward_function(env), units, layouts=layouts)


def _actions_of(space: Box, env_id: str) -> Actions:
    low, high = (np.asarray(bound, np.float64) for bound in (space.low, space.high))
    for i, (a, b) in enumerate(zip(low, high, strict=True)):
        if not (abs(a) < _UNBOUNDED and abs(b) < _UNBOUNDED and a <= b):
            raise UserError(
                f"'{env_id}': expected bounded actions, but coordinate {i} is from {a:g} to {b:g}: give the "
                "environment the bounds that its robot has, a Box with low and high"
            )
    if (low == -1).all() and (high == 1).all() and space.dtype.kind == "f":
        return Actions()
    return Actions(tuple(low.tolist()), tuple(high.tolist()), str(space.dtype))


def _success(info: Mapping[str, Any], num_env: int) -> np.ndarray | None:
    """Return success, [B], or None where no environment reports it. Raises TrainingError."""
    key = next((key for key in faults.SUCCESS_KEYS if key in info), None)
    if key is None:
        return None
    with contextlib.suppress(TypeError, ValueError):  # a vector without ErrorContext may hold anything
        numbers = np.where(info.get(f"_{key}", np.ones(num_env, bool)), info[key], False).astype(np.float64)
        if numbers.shape == (num_env,) and np.isin(numbers, (0, 1)).all():
            return numbers.astype(bool)
    raise TrainingError(f"an environment returned {info[key]!r:.60} as info['{key}'], not True or False")
