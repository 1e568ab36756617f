"""What EnvPool observes before it is rounded to float32."""

import pytest

from baselines.envs import envpool_env
from baselines.envs.base import as_observation


def first_unrounded(env):
    """Start episodes in EnvPool; returns its own first observations, float64."""
    seen = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(envpool_env, "as_observation", lambda observed: seen.append(observed) or as_observation(observed))
        env.reset()
    return seen[0]
