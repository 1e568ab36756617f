"""The agent: DDPG updates of an actor and a critic, their targets and the normalizers."""

from collections.abc import Mapping

import numpy as np
import tensorflow as tf

from baselines.common.errors import TrainingError, UserError
from baselines.common.mpi import Communicator
from baselines.her import losses
from baselines.her.actor_critic import ActorCritic
from baselines.her.experiment.config import HERConfig
from baselines.her.policy import make_policy
from baselines.her.types import GoalEnvSpec, TransitionBatch
from baselines.her.updates import Gradients, make_updates
from baselines.learning.adam import MpiAdam, check_workers_agree
from baselines.learning.networks import MLP
from baselines.learning.normalizer import Normalizer
from baselines.policies.policy import Agent, Policy, check_same_arrays
from baselines.runs.state import Stateful, load_states, states_of

CHECK_INTERVAL = 100  # updates between comparisons of the workers' weights


class DDPG(Agent):
    """Main and target networks, their optimizers, and the statistics of their inputs (1509.02971, algorithm 1)."""

    def __init__(
        self,
        spec: GoalEnvSpec,
        config: HERConfig,
        rng: np.random.Generator,
        comm: Communicator,
        end_value: float = 0.0,
    ):
        """`end_value` is what follows the end of an episode that has terminated."""
        self._end_value = end_value
        self.spec, self.config, self.comm = spec, config, comm
        self.main = ActorCritic(spec, config, rng, "main")
        self.target = ActorCritic(spec, config, rng, "target")
        self.average_pi = ActorCritic(spec, config, rng, "average").pi_network if config.average_actor else None
        self.pi_adam = MpiAdam(self.main.pi_network.weights, config.pi_lr)
        self.Q_adam = MpiAdam(self.main.Q_network.weights, config.Q_lr)
        self.o_stats = Normalizer(spec.observation_size, config.norm_eps, comm, config.simulated_workers)
        self.g_stats = Normalizer(spec.goal_size, config.norm_eps, comm, config.simulated_workers)
        # The graph's copies of the normalizers' mean and std.
        self._stats = {
            name: (tf.Variable(stats.mean), tf.Variable(stats.std))
            for name, stats in (("o", self.o_stats), ("g", self.g_stats))
        }
        self.metrics = ("loss/critic", "loss/actor") + (("loss/cloning", "q_filter/passed") if config.bc_loss else ())
        self.weights = (self.main.Q_network.weights, self.main.pi_network.weights)
        self._update = make_updates(self, comm)
        self.updates = 0  # of this agent; all workers step together
        self.compiled = False  # the first updates take seconds longer
        self._begin_alike()

    # ---- what her.train calls ----

    def update_normalizers(self, batch: TransitionBatch) -> None:
        """Take in this worker's transitions; all workers must call this together."""
        clip = self.config.clip_obs
        goal = self.config.goal_seen(batch.achieved_goal, batch.desired_goal)
        self.o_stats.update(np.clip(batch.observation, -clip, clip))
        self.g_stats.update(np.clip(goal, -clip, clip))
        self._refresh_stats()

    def train(self, batches: TransitionBatch) -> dict[str, float]:
        """One update per leading row of `batches` [n_batches, N, ...]; returns the means of `metrics`.

        The last `config.demo_rows` rows of each batch are demonstrations. Raises TrainingError for losses that are not
        finite.
        """
        if self.config.bootstrap_terminated or not np.any(batches.terminated):
            # The graph of environments that never end knows no ends.
            batches = batches._replace(terminated=None)  # type: ignore[arg-type]
        tensors = TransitionBatch(*(x if x is None else tf.constant(x) for x in batches))
        rows = self._update(tensors).numpy()  # [n_batches, metrics]
        for name, values in zip(self.metrics, rows.T, strict=True):
            if not np.isfinite(values).all():
                update = self.updates + int(np.argmin(np.isfinite(values))) + 1
                raise TrainingError(
                    f"{name} is {values[~np.isfinite(values)][0]} at update {update}. Lower --Q_lr and --pi_lr, or "
                    "look for extreme observations or rewards (--clip_obs, --clip_return=True)"
                )
        before, self.updates = self.updates, self.updates + len(rows)
        self.compiled = True
        if self.comm.size > 1 and self.updates // CHECK_INTERVAL > before // CHECK_INTERVAL:
            check_workers_agree(self.main.weights, self.comm)
        return dict(zip(self.metrics, rows.mean(0).tolist(), strict=True))

    @tf.function(jit_compile=True)
    def end_cycle(self) -> None:
        """Step the target networks, unless a `target_interval` has them step between updates."""
        if not self.config.target_interval:
            self._polyak_step()

    def begin_from(self, policy: Policy) -> None:
        """Take over a policy's networks, targets and statistics. Raises UserError where they do not fit."""
        check_same_arrays(policy, self.policy_state())
        try:
            self.load_policy_state(policy.arrays)
        except ValueError as error:
            raise UserError(f"--load_path: training cannot begin from this policy: {error}") from None

    def policy(self, networks: str | None = None) -> Policy:
        """Return a NumPy copy of the 'main', 'target' or 'average' networks; by default of those that are evaluated."""
        return make_policy(self.spec.env_spec(), self.config, self.policy_state(), networks)

    # ---- the update ----

    def inputs(
        self, observation: tf.Tensor, achieved_goal: tf.Tensor, desired_goal: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """As `Policy.inputs`, in the graph; for the observation and for the goal."""
        goal = self.config.goal_seen(achieved_goal, desired_goal)
        return self._normalize(observation, "o"), self._normalize(goal, "g")  # [N, o], [N, g]

    @tf.autograph.experimental.do_not_convert  # it has no control flow of tensors: tracing takes half the time
    def gradients(self, batch: TransitionBatch) -> tuple[Gradients, tf.Tensor]:
        """Gradients of both losses at the present weights, (of Q's weights, of pi's weights), and the `metrics`.

        Without `batch.terminated`, None, nothing ends.
        """
        config, horizon = self.config, self.spec.horizon
        low, high = config.return_bounds(horizon)
        o, g = self.inputs(batch.observation, batch.achieved_goal, batch.desired_goal)
        o_2, g_2 = self.inputs(batch.next_observation, batch.next_achieved_goal, batch.desired_goal)
        next_value = self.target.Q(o_2, g_2, self.target.pi(o_2, g_2))  # [N, 1]
        reward, gamma = batch.reward[:, None], config.discount(horizon)
        if batch.terminated is None:
            target = losses.bellman_target(reward, next_value, gamma, low, high)
        else:
            ended = batch.terminated[:, None]
            target = losses.bellman_target_with_ends(reward, next_value, ended, self._end_value, gamma, low, high)
        with tf.GradientTape() as tape:
            value = self.main.Q(o, g, batch.action)  # [N, 1]
            critic_loss = losses.critic_loss(target, value)
        Q_gradients = tape.gradient(critic_loss, self.main.Q_network.weights)
        with tf.GradientTape() as tape:
            pi = self.main.pi(o, g)  # [N, u]
            value_of_pi = self.main.Q(o, g, pi)  # [N, 1]
            actor_loss = losses.actor_loss(value_of_pi, pi / config.max_u, config.action_l2)
            cloning_metrics = []
            if config.bc_loss:
                demo = slice(-config.demo_rows, None)
                passed = self._passed(value[demo], value_of_pi[demo])
                cloning = losses.cloning_loss(pi[demo], batch.action[demo], passed) / config.simulated_workers
                actor_loss = config.prm_loss_weight * actor_loss + config.aux_loss_weight * cloning
                cloning_metrics = [cloning, tf.reduce_mean(passed)]
        pi_gradients = tape.gradient(actor_loss, self.main.pi_network.weights)
        return (Q_gradients, pi_gradients), tf.stack([critic_loss, actor_loss, *cloning_metrics])

    def _passed(self, value: tf.Tensor, value_of_pi: tf.Tensor) -> tf.Tensor:
        if not self.config.q_filter:
            return tf.ones_like(value)
        passed = losses.q_filter(value, value_of_pi)
        if not self.config.q_filter_after:
            return passed
        return tf.where(self.Q_adam.step < self.config.q_filter_after, tf.ones_like(passed), passed)

    @tf.autograph.experimental.do_not_convert
    def apply(self, gradients: Gradients, number: tf.Tensor) -> None:
        """Step the main networks, and after every `target_interval` updates of a cycle the target networks too."""
        self.Q_adam.apply(gradients[0])
        self.pi_adam.apply(gradients[1])
        if interval := self.config.target_interval:
            self._polyak_step(tf.cast(number % interval == 0, tf.float32))
        if self.average_pi:
            self._average_step(self.average_pi)

    def _average_step(self, average_pi: MLP) -> None:
        """average = kept * average + (1 - kept) * main, of the actor; kept is less while there is little to average."""
        step = self.pi_adam.step
        kept = tf.minimum(self.config.average_actor, (1 + step) / (10 + step))
        for average, main in zip(average_pi.weights, self.main.pi_network.weights, strict=True):
            average.assign(kept * average + (1 - kept) * main)

    def _polyak_step(self, due: float | tf.Tensor = 1.0) -> None:
        """target = polyak * target + (1 - polyak) * main, where `due` is 1; no change where it is 0."""
        moved = due * (1 - self.config.polyak)
        for target, main in zip(self.target.weights, self.main.weights, strict=True):
            target.assign((1 - moved) * target + moved * main)

    def _normalize(self, x: tf.Tensor, which: str) -> tf.Tensor:
        mean, std = self._stats[which]
        x = tf.clip_by_value(x, -self.config.clip_obs, self.config.clip_obs)
        return tf.clip_by_value((x - mean) / std, -self.config.norm_clip, self.config.norm_clip)

    # ---- state ----

    def state(self) -> dict[str, np.ndarray]:
        """All that training changes."""
        return {**self.policy_state(), **states_of(self._optimizers()), "updates": np.array(self.updates)}

    def load_state(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Take over what `state` of an agent of the same sizes gave. Raises KeyError or ValueError."""
        self.load_policy_state(arrays)
        load_states(self._optimizers(), arrays)
        self.updates = int(arrays["updates"])

    def policy_state(self) -> dict[str, np.ndarray]:
        """Return networks, targets and normalizers as arrays, e.g. `main_pi/0_kernel`, `o_stats/sum`."""
        return states_of(self._parts())

    def load_policy_state(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Take over what `policy_state` of an agent of the same sizes gave. Raises KeyError or ValueError."""
        load_states(self._parts(), arrays)
        self._refresh_stats()

    def _parts(self) -> dict[str, Stateful]:
        nets = {f"{n.name}_{k}": getattr(n, f"{k}_network") for n in (self.main, self.target) for k in ("pi", "Q")}
        if self.average_pi:
            nets["average_pi"] = self.average_pi
        return {**nets, "o_stats": self.o_stats, "g_stats": self.g_stats}

    def _optimizers(self) -> dict[str, Stateful]:
        return {"pi_adam": self.pi_adam, "Q_adam": self.Q_adam}

    def _refresh_stats(self) -> None:
        for name, stats in (("o", self.o_stats), ("g", self.g_stats)):
            mean, std = self._stats[name]
            mean.assign(stats.mean)
            std.assign(stats.std)

    def _begin_alike(self) -> None:
        """All workers with rank 0's weights, targets and average with those of the main networks."""
        for target, main in zip(self.target.weights, self.main.weights, strict=True):
            main.assign(self.comm.broadcast(main.numpy()))
            target.assign(main)
        if self.average_pi:
            for average, main in zip(self.average_pi.weights, self.main.pi_network.weights, strict=True):
                average.assign(main)
