"""Observations for guides: effectors, and objects around them."""

import numpy as np

from baselines.her.guide import Guide


class StraightReacher(Guide):
    """Moves the first three coordinates at full speed towards the object and leaves the others alone."""

    def __init__(self, config):
        super().__init__(config, slice(0, 3))

    def reach(self, action, observation, rng):
        towards = self.config.max_u * np.sign(self.offset(observation))
        return np.concatenate([towards, action[:, 3:]], 1)


def fetch_scene(rng, num_env, spread=0.1):
    """Return what Fetch shows of grippers (observation[:3]) with objects up to `spread` away in each coordinate."""
    gripper = rng.uniform(-1, 1, (num_env, 3))
    observation = np.concatenate([gripper, rng.normal(size=(num_env, 22))], 1)
    return {"observation": observation, "achieved_goal": gripper + rng.uniform(-spread, spread, (num_env, 3))}


def plane_scene(rng, num_env, spread=0.1):
    """Return observations [6] with the effector at 2:4, objects up to `spread` away, and goals anywhere."""
    observation = rng.uniform(-1, 1, (num_env, 6))
    achieved_goal = observation[:, 2:4] + rng.uniform(-spread, spread, (num_env, 2))
    goal = rng.uniform(-1, 1, (num_env, 2))
    return {"observation": observation, "achieved_goal": achieved_goal, "desired_goal": goal}
