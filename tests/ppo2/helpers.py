"""Small agents and rollouts of PPO, and the command lines of small runs."""

import numpy as np

from baselines.common.mpi import Communicator
from baselines.common.specs import EnvSpec
from baselines.ppo2.config import PPOConfig
from baselines.ppo2.ppo import PPO
from baselines.ppo2.types import Rollout

CONTINUOUS = EnvSpec("any", {"observation": 3}, 2, 10)
DISCRETE = EnvSpec("any", {"observation": 3}, 3, 10, discrete=True)
BOTH = [CONTINUOUS, DISCRETE]
KINDS = [(spec, value_network) for spec in BOTH for value_network in ("copy", "shared")]
COUNTING = "tests.common.counting:Counting-v0"

RAW = dict(normalize_observations=False, normalize_rewards=False)
SMALL = dict(num_hidden=4, num_layers=1, nsteps=6, noptepochs=2, nminibatches=2)
TINY_SETTINGS = dict(num_hidden=8, num_layers=1, nsteps=32, noptepochs=2, nminibatches=2, n_cycles=2, n_test_episodes=2)
TINY = ["--alg=ppo2", "--seed=0", *(f"--{name}={value}" for name, value in TINY_SETTINGS.items())]


def agent_of(spec=CONTINUOUS, comm=None, **settings):
    """An agent with random weights, which are not as small as the first ones of a run."""
    agent = PPO(spec, PPOConfig(**{**SMALL, **settings}), np.random.default_rng(0), comm or Communicator())
    rng = np.random.default_rng(1)
    for weight in agent.weights:
        weight.assign(rng.normal(0, 0.5, weight.shape))
    return agent


def record_updates(agent):
    """Return a list that gets the data of each call of the agent's updates; the agent is no longer updated."""
    calls = []
    agent.update = lambda data, count: calls.append(data) or dict.fromkeys(agent.metrics, 0.0)
    return calls


def weights_of(agent):
    """All weights in one vector."""
    return np.concatenate([np.ravel(weight) for weight in agent.weights])


def make_constant(agent, output=0.0, value=0.0):
    """Let both networks return the same for every observation."""
    for weight in agent.weights:
        weight.assign(np.zeros(weight.shape))
    agent.actor_critic.pi.biases[-1].assign(np.broadcast_to(np.float32(output), agent.spec.action_size))
    agent.actor_critic.vf.biases[-1].assign([value])


def random_flags(rng, T, B):
    """Terminated, ended and valid [T, B], as environments return them: the row after an end is not valid."""
    ended, valid = np.zeros((T, B), bool), np.zeros((T, B), bool)
    for i in range(B):
        alive = rng.random() < 0.7  # else the rollout before ended with an episode
        for t in range(T):
            valid[t, i] = alive
            ended[t, i] = alive and rng.random() < 0.3
            alive = not ended[t, i]
    return ended & (rng.random((T, B)) < 0.5), ended, valid


def random_rollout(spec, rng, T=6, B=2):
    terminated, ended, valid = random_flags(rng, T, B)
    reward, discounted = (valid * rng.normal(size=(T, B)).astype(np.float32) for _ in range(2))
    action = rng.integers(spec.action_size, size=(T, B)) if spec.discrete else rng.normal(size=(T, B, spec.action_size))
    observation = rng.normal(1, 2, (T + 1, B, sum(spec.observation_sizes.values()))).astype(np.float32)
    action = action.astype(np.int64 if spec.discrete else np.float32)
    return Rollout(observation, action, reward, terminated, ended, valid, discounted)


def one_step_episodes(spec, count, observation=0.0, action=0.0, reward=1.0, discounted=0.0):
    """Valid rows [count, 1], each of which terminates; every argument may be an array."""
    o, u = sum(spec.observation_sizes.values()), () if spec.discrete else (spec.action_size,)
    seen = np.broadcast_to(np.float32(observation).reshape(-1, 1, 1), (count, 1, o))
    reward, discounted = (np.broadcast_to(np.float32(x).reshape(-1, 1), (count, 1)) for x in (reward, discounted))
    action = np.full((count, 1, *u), action, np.int64 if spec.discrete else np.float32)
    yes = np.ones((count, 1), bool)
    return Rollout(np.concatenate([seen, seen[-1:]]), action, reward, yes, yes, yes, discounted)
