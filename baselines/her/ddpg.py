"""The agent: DDPG (1509.02971, algorithm 1) with normalised inputs, several critics and a cloning loss."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from baselines.common.mpi import Communicator
from baselines.common.specs import EnvSpec
from baselines.common.state import Stateful
from baselines.her import losses
from baselines.her.experiment.config import HERConfig
from baselines.her.networks import ActorCritic
from baselines.her.policy import make_policy
from baselines.her.types import Transitions
from baselines.learning.adam import Adam
from baselines.learning.networks import MLP
from baselines.learning.normalizer import Normalizer
from baselines.learning.updates import Learner
from baselines.policies.policy import Agent, Policy

_REMEDY = "Lower --Q_lr and --pi_lr, or look for extreme observations or rewards (--clip_obs, --clip_return=True)"


class DDPG(Learner, Agent):
    """Main and target networks, their optimizers, and the statistics that normalise observations and goals."""

    def __init__(
        self, spec: EnvSpec, config: HERConfig, rng: np.random.Generator, comm: Communicator,
        terminal_values: tuple[float, float] = (0.0, 0.0),
    ):  # fmt: skip
        """Make networks with weights of rank 0.

        `terminal_values` are the returns after an episode that terminated without and with success.
        """
        self.spec, self.config, self._terminal_values = spec, config, terminal_values
        self.main = ActorCritic(spec, config, rng, "main")
        self.target = ActorCritic(spec, config, rng, "target")
        self.average_actor = ActorCritic(spec, config, rng, "average").actor if config.average_actor else None
        self.weights = self.main.weights
        self.actor_adam = Adam(self.main.actor.weights, config.pi_lr)
        self.critic_adam = Adam(self.main.critic_weights, config.Q_lr)
        self.o_stats = Normalizer(spec.observation_size, config.norm_eps, comm, config.simulated_workers)
        self.g_stats = Normalizer(spec.goal_size, config.norm_eps, comm, config.simulated_workers)
        self._rate_share = tf.Variable(1.0)  # of the learning rates; see `HERConfig.learning_rate_share`
        self.metrics = ("loss/critic", "loss/actor") + (("loss/cloning", "q_filter/passed") if config.bc_loss else ())
        policy_parts: dict[str, Stateful] = {**self.networks(), "o_stats": self.o_stats, "g_stats": self.g_stats}
        super().__init__(comm, policy_parts, {"pi_adam": self.actor_adam, "Q_adam": self.critic_adam}, _REMEDY)
        _follow(self.target.weights, self.main.weights, kept=0.0, moved=1.0)
        if self.average_actor:
            _follow(self.average_actor.weights, self.main.actor.weights, kept=0.0, moved=1.0)

    # ---- what training calls ----

    def policy(self, which: str | None = None) -> Policy:
        """Return a NumPy copy; `which` is "main", "target" or "average", by default the one that is evaluated."""
        return make_policy(self.spec, self.config, self.policy_state(), which)

    def update_normalizers(self, batch: Transitions) -> None:
        """Take in this worker's transitions [N, ...]. All workers must call this together."""
        clip = self.config.clip_obs
        goal = self.config.network_goal(batch.achieved_goal, batch.desired_goal)
        self.o_stats.update(np.clip(batch.observation, -clip, clip))
        self.g_stats.update(np.clip(goal, -clip, clip))

    def train(self, batches: Transitions, progress_remaining: float = 1.0) -> dict[str, float]:
        """Do one update for each leading row of `batches` [n_batches, N, ...]; return the means of `metrics`.

        The last `config.demo_rows` rows of each batch are demonstrations. Raises TrainingError for losses that are not
        finite.
        """
        if self.config.terminated_value == "bootstrap" or not np.any(batches.terminated):
            # Environments whose episodes never terminate need no code for it in the compiled update.
            batches = batches._replace(terminated=None, success=None)  # type: ignore[arg-type]
        data = Transitions(*(x if x is None else tf.constant(x) for x in batches))
        self._rate_share.assign(self.config.learning_rate_share(progress_remaining))
        return self.update(data, len(batches.reward))

    @tf.function(jit_compile=True)
    def end_cycle(self) -> None:
        """Step the target networks, unless `target_interval` steps them between updates."""
        if not self.config.target_interval:
            self._step_targets()

    # ---- one update: see `learning.updates.Learner` ----

    def minibatch(self, data: Transitions, i: tf.Tensor) -> Transitions:
        """Return minibatch i of [n_batches, N, ...]."""
        # Not x[i]: XLA takes the i of a slice as a constant, and would compile again for each i outside its own loop.
        return Transitions(*(x if x is None else tf.gather(x, i) for x in data))

    @tf.autograph.experimental.do_not_convert  # it has no control flow of tensors: tracing takes half the time
    def gradients(self, batch: Transitions) -> tuple[list[tf.Tensor], dict[str, tf.Tensor]]:
        """Return the gradients of the critics' loss and of the actor's loss, and the metrics."""
        config = self.config
        o, g = self.inputs(batch.observation, batch.achieved_goal, batch.desired_goal)
        target = self._bellman_target(batch)  # [N, 1]
        with tf.GradientTape() as tape:
            values = self.main.Q(o, g, batch.action)  # [N, 1] each
            critic_loss = tf.add_n([losses.critic_loss(target, value) for value in values])
        critic_gradients = tape.gradient(critic_loss, self.main.critic_weights)
        with tf.GradientTape() as tape:
            pi = self.main.pi(o, g)  # [N, u]
            value_of_pi = _mean(self.main.Q(o, g, pi))  # [N, 1]
            actor_loss = losses.actor_loss(value_of_pi, pi / config.max_u, config.action_l2)
            cloning = {}
            if config.bc_loss:
                demo = slice(-config.demo_rows, None)
                passed = tf.ones_like(value_of_pi[demo])
                if config.q_filter:
                    passed = losses.q_filter(_mean(values)[demo], value_of_pi[demo])
                loss = losses.cloning_loss(pi[demo], batch.action[demo], passed) / config.simulated_workers
                actor_loss = config.prm_loss_weight * actor_loss + config.aux_loss_weight * loss
                cloning = {"loss/cloning": loss, "q_filter/passed": tf.reduce_mean(passed)}
        actor_gradients = tape.gradient(actor_loss, self.main.actor.weights)
        metrics = {"loss/critic": critic_loss / config.n_critics, "loss/actor": actor_loss, **cloning}
        return critic_gradients + actor_gradients, metrics

    @tf.autograph.experimental.do_not_convert
    def apply(self, gradients: Sequence[tf.Tensor], data: Transitions, step: tf.Tensor) -> None:
        """Step the main networks, and after every `target_interval` updates of a cycle the target networks too."""
        n = len(self.main.critic_weights)
        share = self._rate_share if self.config.lr_final < 1 else 1.0
        self.critic_adam.apply(gradients[:n], self.critic_adam.learning_rate * share)
        self.actor_adam.apply(gradients[n:], self.actor_adam.learning_rate * share)
        if interval := self.config.target_interval:
            self._step_targets(tf.cast(step % interval == 0, tf.float32))
        if self.average_actor:
            self._step_average(self.average_actor)

    def inputs(
        self, observation: tf.Tensor, achieved_goal: tf.Tensor, desired_goal: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Return normalised observations [N, o] and goals [N, g]; `Policy.inputs` is the same in NumPy."""
        goal = self.config.network_goal(achieved_goal, desired_goal)
        return self._normalize(observation, self.o_stats), self._normalize(goal, self.g_stats)

    def _normalize(self, x: tf.Tensor, stats: Normalizer) -> tf.Tensor:
        mean, std = stats.variables
        x = tf.clip_by_value(x, -self.config.clip_obs, self.config.clip_obs)
        return tf.clip_by_value((x - mean) / std, -self.config.norm_clip, self.config.norm_clip)

    def _bellman_target(self, batch: Transitions) -> tf.Tensor:
        """Return the targets [N, 1]: of several critics the smallest value counts (clipped double Q, 1802.09477)."""
        gamma, (low, high) = self.config.discount(self.spec.horizon), self.config.return_bounds(self.spec.horizon)
        o_2, g_2 = self.inputs(batch.next_observation, batch.next_achieved_goal, batch.desired_goal)
        next_value = tf.reduce_min(self.target.Q(o_2, g_2, self.target.pi(o_2, g_2)), 0)  # [N, 1]
        if batch.terminated is not None:
            failed, succeeded = map(float, self._terminal_values)
            end = tf.where(batch.success, succeeded, failed)  # [N]
            next_value = tf.where(batch.terminated[:, None], end[:, None], next_value)
        return losses.bellman_target(batch.reward[:, None], next_value, gamma, low, high)

    def _step_targets(self, due: float | tf.Tensor = 1.0) -> None:
        """Set target = polyak * target + (1 - polyak) * main where `due` is 1; change nothing where it is 0."""
        moved = due * (1 - self.config.polyak)
        _follow(self.target.weights, self.main.weights, 1 - moved, moved)

    def _step_average(self, average_actor: MLP) -> None:
        """Set average = kept * average + (1 - kept) * main; less is kept while there is little to average."""
        step = self.actor_adam.step
        kept = tf.minimum(self.config.average_actor, (1 + step) / (10 + step))
        _follow(average_actor.weights, self.main.actor.weights, kept, 1 - kept)

    def networks(self) -> dict[str, MLP]:
        """Return every network by the name that its arrays have in states and policies."""
        average = {"average_pi": self.average_actor} if self.average_actor else {}
        return {**self.main.networks(), **self.target.networks(), **average}


def _follow(followers: list[tf.Variable], leaders: list[tf.Variable], kept: Any, moved: Any) -> None:
    for follower, leader in zip(followers, leaders, strict=True):
        follower.assign(kept * follower + moved * leader)


def _mean(values: list[tf.Tensor]) -> tf.Tensor:
    return tf.add_n(values) / len(values)  # [N, 1]
