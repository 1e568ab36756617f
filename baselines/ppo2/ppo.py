"""The agent: a policy and a value, updated by PPO, and the statistics that normalise observations and rewards."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from baselines.common.mpi import Communicator
from baselines.common.specs import EnvSpec
from baselines.common.state import Stateful
from baselines.learning.adam import Adam
from baselines.learning.networks import MLP
from baselines.learning.normalizer import Normalizer
from baselines.learning.updates import Learner
from baselines.policies.policy import Agent
from baselines.ppo2 import losses
from baselines.ppo2.config import PPOConfig
from baselines.ppo2.estimates import explained_variance, generalized_advantages
from baselines.ppo2.networks import ActorCritic
from baselines.ppo2.policy import PPOPolicy
from baselines.ppo2.types import Batch, Rollout

ADAM_EPSILON = 1e-5  # as in OpenAI Baselines
_REMEDY = "Lower --lr, or look for extreme numbers (--normalize_observations=True, --normalize_rewards=True)"


class UpdateData(NamedTuple):
    """The rows of a rollout, or of one minibatch, and what their updates need beside them."""

    batch: Batch  # [N, ...]
    order: tf.Tensor  # [K, n] int32: the rows of each update's minibatch
    learning_rate: tf.Tensor  # scalar
    cliprange: tf.Tensor  # scalar
    old_log_prob: tf.Tensor | None = None  # [N], of the actions before the first update


class PPO(Learner, Agent):
    """Networks, their optimizer, and statistics of observations and discounted sums (1707.06347, algorithm 1)."""

    metrics = ("loss/policy", "loss/value", "loss/entropy", "loss/approxkl", "loss/clipfrac")
    logged = (*metrics, "loss/explained_variance")

    def __init__(self, spec: EnvSpec, config: PPOConfig, rng: np.random.Generator, comm: Communicator):
        """Make networks with the weights of rank 0."""
        self.spec, self.config = spec, config
        self.actor_critic = ActorCritic(spec, config, rng)
        self.weights = self.actor_critic.weights
        self.adam = Adam(self.weights, config.lr, ADAM_EPSILON)
        # The count of 1e-4 is OpenAI Baselines': Normalizer's 1 would widen the spread of numbers far from 0.
        width = sum(spec.observation_sizes.values())
        self.observation_stats = Normalizer(width, config.norm_eps, comm, initial_count=1e-4)
        self.return_stats = Normalizer(1, config.norm_eps, comm, initial_count=1e-4)
        stats = {"observation_stats": self.observation_stats, "return_stats": self.return_stats}
        policy_parts: dict[str, Stateful] = {**self.networks(), "networks": self.actor_critic, **stats}
        super().__init__(comm, policy_parts, {"adam": self.adam}, _REMEDY)

    # ---- what training calls ----

    def policy(self) -> PPOPolicy:
        """Return a NumPy copy of the policy and the value as they are now."""
        return PPOPolicy(self.spec, self.config, self.policy_state())

    def train(self, rollout: Rollout, progress_remaining: float, rng: np.random.Generator) -> dict[str, float]:
        """Update from one rollout of each worker; return the means of `logged`.

        The statistics of observations take in the rollout after its updates, so that the policy that acted is the one
        that is updated. Only the first rollout comes before, because a new policy acts almost alike on any scale. The
        statistics of discounted sums change no action, so they always take in the rollout before.

        Args:
            rollout: [T, B, ...].
            progress_remaining: Share of the training that is still to come, from 1 to 0.
            rng: Draws the minibatches.

        Raises TrainingError for losses that are not finite.
        """
        config, first = self.config, self.return_stats.count[0] < 1
        seen = rollout.observation[:-1][rollout.valid]
        if config.normalize_observations and first:
            self.observation_stats.update(seen)
        self.return_stats.update(rollout.discounted[rollout.valid][:, None])
        batch = self.batch(rollout)
        count, rows = config.noptepochs * config.nminibatches, len(batch.valid)
        order = np.stack([rng.permutation(rows) for _ in range(config.noptepochs)]).reshape(count, -1)
        share = {"constant": 1.0, "linear": progress_remaining}
        rates = config.lr * share[config.lr_schedule], config.cliprange * share[config.cliprange_schedule]
        data = UpdateData(Batch(*map(tf.constant, batch)), tf.constant(order.astype(np.int32)),
                       *(tf.constant(rate, tf.float32) for rate in rates))  # fmt: skip
        metrics = self.update(data, count)
        if config.normalize_observations and not first:
            self.observation_stats.update(seen)
        valid = batch.valid > 0
        return {**metrics, "loss/explained_variance": explained_variance(batch.value[valid], batch.target[valid])}

    def batch(self, rollout: Rollout) -> Batch:
        """Return the rows of a rollout [T x B], with their advantages and the value's targets."""
        config, policy = self.config, self.policy()
        T, B, size = len(rollout.action), rollout.reward.shape[1], rollout.observation.shape[-1]
        observation = policy.normalize(rollout.observation.reshape(-1, size))
        value = policy.value(observation).reshape(T + 1, B)
        reward = rollout.reward
        if config.normalize_rewards:  # by the standard deviation of their discounted sums; their mean stays
            reward = np.clip(reward / self.return_stats.std, -config.norm_clip, config.norm_clip)
        advantage = generalized_advantages(reward, value, rollout.terminated, rollout.ended, config.gamma, config.lam)
        parts = rollout.action, value[:-1], advantage, advantage + value[:-1], rollout.valid.astype(np.float32)
        return Batch(observation[: T * B], *(part.reshape(T * B, *part.shape[2:]) for part in parts))

    # ---- one update: see `learning.updates.Learner` ----

    @tf.autograph.experimental.do_not_convert
    def prepare(self, data: UpdateData) -> UpdateData:
        """Return the data with log pi(u | o) at the weights before the first update."""
        output, _ = self.actor_critic(data.batch.observation)
        return data._replace(old_log_prob=self.actor_critic.log_prob(output, data.batch.action))

    def minibatch(self, data: UpdateData, i: tf.Tensor) -> UpdateData:
        """Return the rows that the order names for update i."""
        rows = tf.gather(data.order, i)  # not order[i]: see `DDPG.minibatch`
        batch = Batch(*(tf.gather(column, rows) for column in data.batch))
        return data._replace(batch=batch, old_log_prob=tf.gather(data.old_log_prob, rows))

    @tf.autograph.experimental.do_not_convert
    def gradients(self, minibatch: UpdateData) -> tuple[list[tf.Tensor], dict[str, tf.Tensor]]:
        """Return the gradients of L = L_policy - ent_coef H + vf_coef L_value (1707.06347, eq. 9), and the metrics."""
        config, batch, valid = self.config, minibatch.batch, minibatch.batch.valid
        old_log_prob, cliprange = minibatch.old_log_prob, minibatch.cliprange
        advantage = losses.normalized_advantage(batch.advantage, valid)
        with tf.GradientTape() as tape:
            output, value = self.actor_critic(batch.observation)
            log_prob = self.actor_critic.log_prob(output, batch.action)
            policy_loss = losses.policy_loss(log_prob, old_log_prob, advantage, cliprange, valid)
            bound = cliprange if config.clip_value else None
            value_loss = losses.value_loss(value, batch.value, batch.target, bound, valid)
            entropy = losses.mean_over(self.actor_critic.entropy(output), valid)
            loss = policy_loss - config.ent_coef * entropy + config.vf_coef * value_loss
        metrics = {
            "loss/policy": policy_loss,
            "loss/value": value_loss,
            "loss/entropy": entropy,
            "loss/approxkl": losses.approximate_kl(log_prob, old_log_prob, valid),
            "loss/clipfrac": losses.clipped_share(log_prob, old_log_prob, cliprange, valid),
        }
        return tape.gradient(loss, self.weights), metrics

    @tf.autograph.experimental.do_not_convert
    def apply(self, gradients: Sequence[tf.Tensor], data: UpdateData, step: tf.Tensor) -> None:
        """Step the weights by gradients whose global norm is at most `max_grad_norm`."""
        if self.config.max_grad_norm:
            gradients, _ = tf.clip_by_global_norm(gradients, self.config.max_grad_norm)
        self.adam.apply(gradients, data.learning_rate)

    def networks(self) -> dict[str, MLP]:
        """Return both networks by the name that their arrays have in states and policies."""
        return {"networks/pi": self.actor_critic.pi, "networks/vf": self.actor_critic.vf}
