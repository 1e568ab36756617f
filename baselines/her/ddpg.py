"""The agent: DDPG (1509.02971, algorithm 1) with normalised inputs, several critics and a cloning loss."""

from collections.abc import Mapping, Sequence

import numpy as np
import tensorflow as tf

from baselines.common.mpi import Communicator
from baselines.common.specs import EnvSpec
from baselines.her import losses
from baselines.her.experiment.config import HERConfig
from baselines.her.networks import ActorCritic
from baselines.her.policy import make_policy
from baselines.her.types import Transitions
from baselines.learning.adam import Adam, check_workers_agree
from baselines.learning.networks import MLP
from baselines.learning.normalizer import Normalizer
from baselines.learning.updates import Updater
from baselines.policies.policy import Agent, Policy
from baselines.runs.state import Stateful, load_states, states_of

CHECK_INTERVAL = 100  # updates between two comparisons of the workers' weights
_REMEDY = "Lower --Q_lr and --pi_lr, or look for extreme observations or rewards (--clip_obs, --clip_return=True)"


class DDPG(Agent):
    """Main and target networks, their optimizers, and the statistics that normalise observations and goals."""

    def __init__(
        self,
        spec: EnvSpec,
        config: HERConfig,
        rng: np.random.Generator,
        comm: Communicator,
        terminal_values: tuple[float, float] = (0.0, 0.0),
    ):
        """Make networks with weights of rank 0.

        `terminal_values` are the returns after an episode that terminated without and with success.
        """
        self.spec, self.config, self.comm, self._terminal_values = spec, config, comm, terminal_values
        self.main = ActorCritic(spec, config, rng, "main")
        self.target = ActorCritic(spec, config, rng, "target")
        self.average_actor = ActorCritic(spec, config, rng, "average").actor if config.average_actor else None
        self.weights = self.main.weights
        self.actor_adam = Adam(self.main.actor.weights, config.pi_lr)
        self.critic_adam = Adam(self.main.critic_weights, config.Q_lr)
        self.o_stats = Normalizer(spec.observation_size, config.norm_eps, comm, config.simulated_workers)
        self.g_stats = Normalizer(spec.goal_size, config.norm_eps, comm, config.simulated_workers)
        # The compiled updates read the statistics from variables.
        self._o_stats, self._g_stats = ((tf.Variable(s.mean), tf.Variable(s.std)) for s in (self.o_stats, self.g_stats))
        self._rate_share = tf.Variable(1.0)  # of the learning rates; see `HERConfig.learning_rate_share`
        self.metrics = ("loss/critic", "loss/actor") + (("loss/cloning", "q_filter/passed") if config.bc_loss else ())
        self._policy_parts: dict[str, Stateful] = {**self.networks(), "o_stats": self.o_stats, "g_stats": self.g_stats}
        self._optimizers: dict[str, Stateful] = {"pi_adam": self.actor_adam, "Q_adam": self.critic_adam}
        self._updater = Updater(self, comm)
        self.compiled = False  # the first updates take seconds longer
        for target, main in zip(self.target.weights, self.main.weights, strict=True):
            main.assign(comm.broadcast(main.numpy()))
            target.assign(main)
        if self.average_actor:
            for average, main in zip(self.average_actor.weights, self.main.actor.weights, strict=True):
                average.assign(main)

    @property
    def updates(self) -> int:
        """Number of updates by this agent."""
        return self._updater.updates

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
        self._refresh_stats()

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
        before = self.updates
        metrics = self._updater(data, len(batches.reward), _REMEDY)
        self.compiled = True
        if self.comm.size > 1 and self.updates // CHECK_INTERVAL > before // CHECK_INTERVAL:
            check_workers_agree(self.weights, self.comm)
        return metrics

    @tf.function(jit_compile=True)
    def end_cycle(self) -> None:
        """Step the target networks, unless `target_interval` steps them between updates."""
        if not self.config.target_interval:
            self._step_targets()

    # ---- one update: see `learning.updates.Learner` ----

    def prepare(self, data: Transitions) -> Transitions:
        """Return the data as it is."""
        return data

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
        return self._normalize(observation, *self._o_stats), self._normalize(goal, *self._g_stats)

    def _normalize(self, x: tf.Tensor, mean: tf.Variable, std: tf.Variable) -> tf.Tensor:
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
        for target, main in zip(self.target.weights, self.main.weights, strict=True):
            target.assign((1 - moved) * target + moved * main)

    def _step_average(self, average_actor: MLP) -> None:
        """Set average = kept * average + (1 - kept) * main; less is kept while there is little to average."""
        step = self.actor_adam.step
        kept = tf.minimum(self.config.average_actor, (1 + step) / (10 + step))
        for average, main in zip(average_actor.weights, self.main.actor.weights, strict=True):
            average.assign(kept * average + (1 - kept) * main)

    # ---- state ----

    def networks(self) -> dict[str, MLP]:
        """Return every network by the name that its arrays have in states and policies."""
        average = {"average_pi": self.average_actor} if self.average_actor else {}
        return {**self.main.networks(), **self.target.networks(), **average}

    def policy_state(self) -> dict[str, np.ndarray]:
        """Return networks and statistics as arrays, e.g. `main_pi/0_kernel`, `o_stats/sum`."""
        return states_of(self._policy_parts)

    def load_policy_state(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Take over a `policy_state` of the same sizes. Raises KeyError or ValueError."""
        load_states(self._policy_parts, arrays)
        self._refresh_stats()

    def state(self) -> dict[str, np.ndarray]:
        """Return everything that training changes."""
        return {**self.policy_state(), **states_of(self._optimizers), "updates": np.array(self.updates)}

    def load_state(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Restore a `state` of the same sizes. Raises KeyError or ValueError."""
        self.load_policy_state(arrays)
        load_states(self._optimizers, arrays)
        self._updater.updates = int(arrays["updates"])

    def _refresh_stats(self) -> None:
        for stats, variables in ((self.o_stats, self._o_stats), (self.g_stats, self._g_stats)):
            for variable, value in zip(variables, (stats.mean, stats.std), strict=True):
                variable.assign(value)


def _mean(values: list[tf.Tensor]) -> tf.Tensor:
    return tf.add_n(values) / len(values)  # [N, 1]
