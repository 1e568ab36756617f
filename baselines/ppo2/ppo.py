"""The agent: updates of a policy and a value by PPO, and the statistics that normalise what they see."""

from collections.abc import Mapping

import numpy as np
import tensorflow as tf

from baselines.common.errors import TrainingError, UserError
from baselines.common.mpi import Communicator
from baselines.common.specs import EnvSpec
from baselines.learning.adam import MpiAdam, check_workers_agree
from baselines.policies.policy import Agent, Policy, check_same_arrays
from baselines.ppo2 import losses
from baselines.ppo2.actor_critic import ActorCritic
from baselines.ppo2.config import PPOConfig
from baselines.ppo2.estimates import explained_variance, generalized_advantages
from baselines.ppo2.normalization import Statistics, normalized
from baselines.ppo2.policy import PPOPolicy
from baselines.ppo2.types import Batch, Rollout
from baselines.ppo2.updates import Updates
from baselines.runs.state import Stateful, load_states, states_of

ADAM_EPSILON = 1e-5  # the original's


class PPO(Agent):
    """Networks, their optimizer, and statistics of observations and discounted sums (1707.06347, algorithm 1)."""

    of_updates: tuple[str, ...] = ("loss/policy", "loss/value", "loss/entropy", "loss/approxkl", "loss/clipfrac")
    metrics = (*of_updates, "loss/explained_variance")

    def __init__(self, spec: EnvSpec, config: PPOConfig, rng: np.random.Generator, comm: Communicator):
        self.spec, self.config, self.comm = spec, config, comm
        self.networks = ActorCritic(spec, config, rng)
        self.weights = self.networks.weights
        self.adam = MpiAdam(self.weights, config.lr, ADAM_EPSILON)
        self.observation_stats = Statistics(sum(spec.observation_sizes.values()), config.norm_eps, comm)
        self.return_stats = Statistics(1, config.norm_eps, comm)
        self._updates = Updates(self, comm)
        self.updates = 0  # of this agent; all workers step together
        self.compiled = False  # the first update takes seconds longer
        for weight in self.weights:
            weight.assign(comm.broadcast(weight.numpy()))

    # ---- what ppo2.train calls ----

    def learn_from(self, rollout: Rollout, left: float, rng: np.random.Generator) -> dict[str, float]:
        """Update from one rollout of each worker, `left` (1 to 0) of the training being still to come.

        Returns the means of `metrics`. The statistics of observations take the rollout in afterwards, so that what is
        updated is the policy that acted; but the first one before: there are none yet, and a new policy acts alike on
        any scale. Those of discounted sums, which nothing acted on, always take it in before.
        Raises TrainingError for losses that are not finite.
        """
        first = not self.observation_stats.seen
        if first:
            self._observe(rollout)
        self.return_stats.update(rollout.discounted[rollout.valid][:, None])
        batch = self.batch(rollout)
        found = self._update(batch, left, rng)
        if not first:
            self._observe(rollout)
        valid = batch.valid > 0
        return {**found, "loss/explained_variance": explained_variance(batch.value[valid], batch.target[valid])}

    def batch(self, rollout: Rollout) -> Batch:
        """The rows of a rollout [T x B], with their advantages and the value's targets."""
        config, policy = self.config, self.policy()
        T, B, size = len(rollout.action), rollout.reward.shape[1], rollout.observation.shape[-1]
        observation = policy.normalize(rollout.observation.reshape(-1, size))
        value = policy.value(observation).reshape(T + 1, B)
        reward = self._scaled(rollout.reward)
        advantage = generalized_advantages(reward, value, rollout.terminated, rollout.ended, config.gamma, config.lam)
        parts = rollout.action, value[:-1], advantage, advantage + value[:-1], rollout.valid.astype(np.float32)
        return Batch(observation[: T * B], *(part.reshape(T * B, *part.shape[2:]) for part in parts))

    def policy(self) -> PPOPolicy:
        """Return a NumPy copy of the policy."""
        return PPOPolicy(self.spec, self.config, self.policy_state())

    def begin_from(self, policy: Policy) -> None:
        """Take over a policy's networks and statistics. Raises UserError where they do not fit."""
        check_same_arrays(policy, self.policy_state())
        try:
            self.load_policy_state(policy.arrays)
        except ValueError as error:
            raise UserError(f"--load_path: training cannot begin from this policy: {error}") from None

    # ---- the update ----

    @tf.autograph.experimental.do_not_convert
    def log_prob(self, batch: Batch) -> tf.Tensor:
        """log pi(u | o) at the present weights, [N]."""
        return self.networks.log_prob(self.networks(batch.observation)[0], batch.action)

    @tf.autograph.experimental.do_not_convert
    def gradients(
        self, batch: Batch, old_log_prob: tf.Tensor, cliprange: tf.Tensor
    ) -> tuple[list[tf.Tensor], tf.Tensor]:
        """Gradients of the loss of a minibatch at the present weights, and the metrics `of_updates`.

        L = L_policy - ent_coef H + vf_coef L_value   (1707.06347, eq. 9)
        """
        config, valid = self.config, batch.valid
        advantage = losses.normalized_advantage(batch.advantage, valid)
        with tf.GradientTape() as tape:
            output, value = self.networks(batch.observation)
            log_prob = self.networks.log_prob(output, batch.action)
            policy_loss = losses.policy_loss(log_prob, old_log_prob, advantage, cliprange, valid)
            bound = cliprange if config.clip_value else None
            value_loss = losses.value_loss(value, batch.value, batch.target, bound, valid)
            entropy = losses.mean_over(self.networks.entropy(output), valid)
            loss = policy_loss - config.ent_coef * entropy + config.vf_coef * value_loss
        kl = losses.approximate_kl(log_prob, old_log_prob, valid)
        clipped = losses.clipped_share(log_prob, old_log_prob, cliprange, valid)
        return tape.gradient(loss, self.weights), tf.stack([policy_loss, value_loss, entropy, kl, clipped])

    @tf.autograph.experimental.do_not_convert
    def apply(self, gradients: list[tf.Tensor], learning_rate: tf.Tensor) -> None:
        """Step the weights by gradients that are averaged over the workers, and shortened to `max_grad_norm`."""
        if self.config.max_grad_norm:
            gradients, _ = tf.clip_by_global_norm(gradients, self.config.max_grad_norm)
        self.adam.apply(gradients, learning_rate)

    def _update(self, batch: Batch, left: float, rng: np.random.Generator) -> dict[str, float]:
        config, rows = self.config, len(batch.valid)
        order = np.stack([rng.permutation(rows) for _ in range(config.noptepochs)])
        order = order.reshape(config.noptepochs * config.nminibatches, -1).astype(np.int32)
        rates = tf.constant(config.learning_rate(left), tf.float32), tf.constant(config.clip(left), tf.float32)
        found = self._updates(Batch(*map(tf.constant, batch)), tf.constant(order), *rates).numpy()
        for update, metric in np.argwhere(~np.isfinite(found)):  # the first of them
            raise TrainingError(
                f"{self.of_updates[metric]} is {found[update, metric]} at update {self.updates + update + 1}. Lower "
                "--lr, or look for extreme observations or rewards (--normalize_observations=True, "
                "--normalize_rewards=True)"
            )
        self.updates += len(found)
        self.compiled = True
        if self.comm.size > 1:
            check_workers_agree(self.weights, self.comm)
        return dict(zip(self.of_updates, found.mean(0).tolist(), strict=True))

    def _observe(self, rollout: Rollout) -> None:
        if self.config.normalize_observations:
            self.observation_stats.update(rollout.observation[:-1][rollout.valid])

    def _scaled(self, reward: np.ndarray) -> np.ndarray:
        """Rewards in standard deviations of their discounted sums; the mean stays, as it says what is good."""
        if not self.config.normalize_rewards:
            return reward
        return normalized(reward, np.zeros(1, np.float32), self.return_stats.std, self.config.norm_clip)

    # ---- state ----

    def state(self) -> dict[str, np.ndarray]:
        """All that training changes."""
        return {**self.policy_state(), **states_of({"adam": self.adam}), "updates": np.array(self.updates)}

    def load_state(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Take over what `state` of an agent of the same sizes gave. Raises KeyError or ValueError."""
        self.load_policy_state(arrays)
        load_states({"adam": self.adam}, arrays)
        self.updates = int(arrays["updates"])

    def policy_state(self) -> dict[str, np.ndarray]:
        """Networks and statistics as arrays, e.g. `networks/pi/0_kernel`, `return_stats/sum`."""
        return states_of(self._parts())

    def load_policy_state(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Take over what `policy_state` of an agent of the same sizes gave. Raises KeyError or ValueError."""
        load_states(self._parts(), arrays)

    def _parts(self) -> dict[str, Stateful]:
        return {
            "networks": self.networks,
            "observation_stats": self.observation_stats,
            "return_stats": self.return_stats,
        }
