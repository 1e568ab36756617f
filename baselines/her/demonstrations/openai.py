"""Demonstrations in the files of OpenAI Baselines: pickled arrays of lists and dicts."""

import numbers
from collections.abc import Mapping
from typing import Any

import numpy as np

from baselines.her.demonstrations.safe_unpickle import unpickle
from baselines.her.episodes import single_episode, stack_episodes
from baselines.her.types import EpisodeBatch, GoalEnvSpec
from baselines.storage.npz import header_of, plain_array

MOST_PICKLE_BYTES = 1 << 28  # of each pickle, whose objects take several times as much


def is_openai(members: Mapping[str, bytes]) -> bool:
    """Whether a file's members are those of OpenAI Baselines' script."""
    return {"acs", "obs"} <= members.keys()


def read_openai(members: Mapping[str, bytes], spec: GoalEnvSpec, most: int | None) -> EpisodeBatch:
    """The first `most` episodes of `acs`, `obs` and perhaps `info`.

    These are arrays [N][T] of actions, [N][T + 1] of dicts and [N][T] of dicts. Raises ValueError, naming the episode
    and the field, for what does not fit `spec`.
    """
    actions, observations = _nested(members["acs"]), _nested(members["obs"])
    infos = _nested(members["info"]) if "info" in members else [[]] * len(actions)
    episodes = []
    for i, (action, observed, info) in enumerate(zip(actions[:most], observations, infos, strict=False)):
        try:
            episodes.append(_episode(action, observed, info, spec))
        except (KeyError, TypeError, IndexError, AttributeError) as error:
            raise ValueError(f"episode {i} is damaged ({type(error).__name__}: {error})") from None
        except ValueError as error:
            raise ValueError(f"episode {i} {error}") from None
    return stack_episodes(episodes, spec.horizon)


def _episode(action: Any, observed: Any, info: Any, spec: GoalEnvSpec) -> EpisodeBatch:
    if not 0 < len(action) <= spec.horizon:
        raise ValueError(f"has {len(action)} actions; {spec.env_id} takes 1 to {spec.horizon}")
    if len(observed) != len(action) + 1:
        raise ValueError(f"has {len(observed)} observations for {len(action)} actions; expected one more")
    sizes = {"observation": spec.observation_size, "achieved_goal": spec.goal_size, "desired_goal": spec.goal_size}
    observations: dict[str, Any] = {
        key: np.stack([_vector(o[key], size, key) for o in observed]) for key, size in sizes.items()
    }
    acted = np.stack([_vector(a, spec.action_size, "action") for a in action])
    last = info[len(action) - 1].get("is_success", 0) if len(info) >= len(action) else 0
    return single_episode(action=acted, success=_flag(last), **observations)


def _flag(value: Any) -> bool:
    """A number, or all of several; nested lists are not unfolded either."""
    return all(bool(x > 0) for x in (value if isinstance(value, (list, tuple)) else np.asarray(value).ravel()))


def _vector(value: Any, size: int, name: str) -> np.ndarray:
    """`value` as float32 [size]; looked at before it is converted, as lists may share lists and unfold without end."""
    flat = value if isinstance(value, (list, tuple)) else np.asarray(value)
    if len(flat) != size or not all(isinstance(x, numbers.Real) for x in flat):
        raise ValueError(f"has an entry of {name} that is no vector of {size} numbers")
    with np.errstate(over="ignore"):  # what float32 cannot hold becomes infinity, which is refused later
        return np.asarray(flat, np.float32)


def _nested(content: bytes) -> Any:
    """A member as an array, perhaps of lists and dicts."""
    *_, dtype, data = header_of(content)
    if not dtype.hasobject:
        return plain_array(content)
    if len(data) > MOST_PICKLE_BYTES:
        raise ValueError(f"it holds a pickle of more than {MOST_PICKLE_BYTES} bytes")
    array = getattr(unpickle(data), "value", None)
    if not isinstance(array, np.ndarray) or not array.ndim:
        raise ValueError("it holds a pickle of something else than an array")
    return array
