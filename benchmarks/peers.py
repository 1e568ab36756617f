"""Stable-Baselines3 beside ours: the same environments, network sizes, batches and updates per step, one process.

pip install torch --index-url https://download.pytorch.org/whl/cpu && pip install stable-baselines3==2.9.2
"""

from collections.abc import Callable

import gymnasium
import gymnasium_robotics
import numpy as np
from gymnasium.wrappers import RescaleAction

from baselines.common.cores import cores
from baselines.common.errors import UserError
from baselines.common.seeding import env_seeds
from baselines.envs import make_vec_env
from baselines.envs.gymnasium_env import make_one
from baselines.ppo2.config import PPOConfig
from benchmarks.learner import ENV, Learner
from benchmarks.measure import compare

NUM_ENV = 8
UPDATES, EVERY = 4, 5  # updates after every so many steps of 8 environments: 0.1 a step, as 40 a cycle of 400 are


def peers(rounds: int) -> list[dict]:
    """Measure environment steps/s of the whole learning loop (acting, storing, updating; no evaluation)."""
    check_sb3("peers")
    variants = {"ours": Learner(NUM_ENV).cycle}
    for name in ("DDPG", "SAC"):
        for back_end in ("SubprocVecEnv", "EnvPool"):
            variants[f"SB3 {name}, {back_end}"] = sb3_learner(name, back_end)
    rates = compare(variants, rounds, seconds=5)
    steps_per_update = NUM_ENV * EVERY / UPDATES
    return [
        {
            "who": name,
            "env steps/s": rate,
            "updates/s": rate / steps_per_update,
            "times as fast are we": rates["ours"] / rate,
        }
        for name, rate in rates.items()
    ]


def check_sb3(who: str) -> None:
    """Raise UserError where Stable-Baselines3 is not installed."""
    if import_sb3() is None:
        raise UserError(f"{who}: Stable-Baselines3 is not installed; {__doc__.splitlines()[2]}")


def import_sb3():
    try:
        import stable_baselines3
    except ImportError:
        return None
    return stable_baselines3


def sb3_learner(algorithm: str, back_end: str, env_id: str = ENV) -> Callable[[], float]:
    model = make_sb3(algorithm, env_id, NUM_ENV, back_end, seed=0, train_freq=EVERY, gradient_steps=UPDATES)
    model.learn(1000)  # past learning_starts

    def work() -> float:
        model.learn(NUM_ENV * 50, reset_num_timesteps=False)
        return NUM_ENV * 50

    return work


def make_sb3(algorithm: str, env_id: str, num_env: int, back_end: str, seed: int, **schedule):
    """Return a model of SB3 with the papers' network sizes, batch, discount, noise and relabelling ratio."""
    import stable_baselines3 as sb3
    from stable_baselines3.common.env_util import make_vec_env as make_sb3_env
    from stable_baselines3.common.noise import NormalActionNoise
    from stable_baselines3.common.vec_env import DummyVecEnv, SubprocVecEnv

    if back_end == "EnvPool":
        env = _on_our_environments(env_id, num_env, seed)
    else:
        gymnasium.register_envs(gymnasium_robotics)
        kind = SubprocVecEnv if num_env > 1 else DummyVecEnv
        env = make_sb3_env(env_id.replace("-v1", "-v4"), num_env, seed=seed, vec_env_cls=kind)
    noise = NormalActionNoise(np.zeros(env.action_space.shape), np.full(env.action_space.shape, 0.2))
    return getattr(sb3, algorithm)(
        "MultiInputPolicy",
        env,
        learning_rate=1e-3,
        batch_size=256,
        gamma=0.98,
        learning_starts=num_env * 50,
        action_noise=noise if algorithm == "DDPG" else None,
        replay_buffer_class=sb3.HerReplayBuffer,
        replay_buffer_kwargs=dict(n_sampled_goal=4, goal_selection_strategy="future"),
        policy_kwargs=dict(net_arch=[256, 256, 256]),
        seed=seed,
        device="cpu",
        **schedule,
    )


def make_sb3_ppo(
    env_id: str, config: PPOConfig, num_env: int, seed: int, num_timesteps: float, processes: bool = False
):
    """Return SB3's PPO with our settings, on Gymnasium's environments with actions in [-1, 1]."""
    import stable_baselines3 as sb3
    import torch
    from stable_baselines3.common.monitor import Monitor
    from stable_baselines3.common.vec_env import DummyVecEnv, SubprocVecEnv, VecNormalize

    def make() -> gymnasium.Env:
        env = make_one(env_id)
        discrete = isinstance(env.action_space, gymnasium.spaces.Discrete)
        return Monitor(env if discrete else RescaleAction(env, np.float32(-1), np.float32(1)))

    makers = [make] * num_env
    env = SubprocVecEnv(makers, start_method="forkserver") if processes else DummyVecEnv(makers)
    env.seed(seed)
    if config.normalize_observations or config.normalize_rewards:
        env = VecNormalize(env, norm_obs=config.normalize_observations, norm_reward=config.normalize_rewards,
                           clip_obs=config.norm_clip, clip_reward=config.norm_clip, gamma=config.gamma)  # fmt: skip

    made = []

    def left() -> float:  # SB3's own would begin at 1 again with each `learn`
        return 1 - made[0].num_timesteps / num_timesteps if made else 1

    model = sb3.PPO(
        "MlpPolicy",
        env,
        learning_rate=lambda _: config.learning_rate(left()),
        n_steps=config.nsteps,
        batch_size=config.minibatch_size(num_env),
        n_epochs=config.noptepochs,
        gamma=config.gamma,
        gae_lambda=config.lam,
        clip_range=lambda _: config.clip(left()),
        clip_range_vf=(lambda _: config.clip(left())) if config.clip_value else None,
        ent_coef=config.ent_coef,
        vf_coef=config.vf_coef,
        max_grad_norm=config.max_grad_norm,
        policy_kwargs=dict(net_arch=[config.num_hidden] * config.num_layers, activation_fn=torch.nn.Tanh),
        seed=seed,
        device="cpu",
    )
    made.append(model)
    return model


def _on_our_environments(env_id: str, num_env: int, seed: int):
    """Return our EnvPool environments in the form that SB3 expects, so that only the learning differs."""
    from stable_baselines3.common.vec_env import VecEnv

    ours = make_vec_env(env_id, num_env, env_seeds(seed, 0, "train", num_env), num_threads=len(cores()))
    spec = ours.spec

    def box(size: int, bound: float = np.inf) -> gymnasium.spaces.Box:
        return gymnasium.spaces.Box(-bound, bound, (size,), np.float32)

    class Adapter(VecEnv):
        def __init__(self):
            goals = {"achieved_goal": box(spec.goal_size), "desired_goal": box(spec.goal_size)}
            observed = gymnasium.spaces.Dict({"observation": box(spec.observation_size), **goals})
            super().__init__(num_env, observed, box(spec.action_size, 1.0))
            self.step_count = 0

        def reset(self):
            self.step_count = 0
            return ours.reset()

        def step_async(self, actions):
            self.actions = actions

        def step_wait(self):
            step = ours.step(self.actions.astype(np.float32))
            observed, infos = step.observation, [{} for _ in range(num_env)]
            self.step_count += 1
            over = self.step_count == spec.horizon
            if over:
                for i, info in enumerate(infos):
                    info["terminal_observation"] = {k: x[i].copy() for k, x in observed.items()}
                    info["TimeLimit.truncated"] = True
                observed = self.reset()
            return observed, step.reward.copy(), np.full(num_env, over), infos

        def env_method(self, name, *args, indices=None, **_):
            assert name == "compute_reward", name
            return [ours.compute_reward(*args[:2])]

        def env_is_wrapped(self, *_, **__):
            return [False] * num_env

        def get_attr(self, name, indices=None):
            return [None] * num_env  # SB3 asks only for render_mode

        def set_attr(self, *_, **__):
            raise NotImplementedError

        def close(self):
            ours.close()

    return Adapter()
