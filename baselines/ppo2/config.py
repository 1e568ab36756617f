"""Every setting of PPO: default, meaning, unit, allowed values; the presets; what some tasks have of their own."""

from dataclasses import dataclass

from baselines.common.errors import UserError
from baselines.common.settings import Settings, setting
from baselines.common.specs import EnvSpec
from baselines.runs.algorithms import Preset, Range

SCHEDULES = ("constant", "linear")


@dataclass(frozen=True)
class PPOConfig(Settings):
    """The settings of a run; the defaults are those of the original for MuJoCo. Creating one checks them all."""

    # networks
    network: str = setting("mlp", "kind of network; num_layers and num_hidden shape it", choices=("mlp",))
    num_hidden: int = setting(64, "tanh units of each hidden layer", 1, 65536, of_policy=True)
    num_layers: int = setting(2, "hidden layers of the policy and of the value network", 1, 100, of_policy=True)
    value_network: str = setting(
        "copy", "the value has hidden layers of its own (copy) or the policy's (shared)", choices=("copy", "shared"),
        of_policy=True,
    )  # fmt: skip
    # rollouts
    nsteps: int = setting(2048, "steps of each environment between updates", 1, 10**7)
    gamma: float = setting(0.99, "discount", 0, 1)
    lam: float = setting(0.95, "lambda of the generalized advantage estimation (1506.02438)", 0, 1)
    # updates
    noptepochs: int = setting(10, "times that each rollout is learnt from", 1, 10**6)
    nminibatches: int = setting(32, "minibatches that a rollout is divided into", 1)
    lr: float = setting(3e-4, "learning rate (Adam)", 0, 1e30)
    lr_schedule: str = setting("linear", "whether lr falls, to 0 at the end of training", choices=SCHEDULES)
    cliprange: float = setting(0.2, "how far from 1 the ratio of probabilities counts; bounds the value's step too", 0)
    cliprange_schedule: str = setting("constant", "whether cliprange falls likewise", choices=SCHEDULES)
    clip_value: bool = setting(True, "bound the value's step by cliprange")
    ent_coef: float = setting(0.0, "weight of the entropy in the loss", 0)
    vf_coef: float = setting(0.5, "weight of the value loss", 0)
    max_grad_norm: float = setting(0.5, "largest norm of the whole gradient; 0: any", 0)
    # schedule
    n_cycles: int = setting(10, "cycles per epoch, which ends with an evaluation; a cycle: one rollout, one update", 1)
    n_test_episodes: int = setting(10, "evaluation episodes per epoch and worker", 1)
    # normalisation
    normalize_observations: bool = setting(
        True, "show the networks observations less their mean, in standard deviations", of_policy=True
    )
    normalize_rewards: bool = setting(True, "divide rewards by the standard deviation of their discounted sums")
    norm_clip: float = setting(
        10.0, "bound on normalised observations and rewards, in standard deviations", 1e-9, of_policy=True
    )
    norm_eps: float = setting(1e-4, "smallest standard deviation to divide by", 1e-9, of_policy=True)

    def for_env(self, spec: EnvSpec) -> "PPOConfig":
        """Raises UserError for environments whose episodes may never end: evaluation would wait for them."""
        if not spec.horizon:
            raise UserError(
                f"'{spec.env_id}' has no time limit: register it with max_episode_steps, or wrap it in "
                "gymnasium.wrappers.TimeLimit"
            )
        return self

    def minibatch_size(self, num_env: int) -> int:
        """Rows of a minibatch. Raises UserError where a rollout cannot be divided."""
        rows = self.nsteps * num_env
        if rows % self.nminibatches:
            raise UserError(
                f"nminibatches={self.nminibatches}: expected a divisor of nsteps x num_env = {self.nsteps} x {num_env} "
                f"= {rows}"
            )
        if rows < 2 * self.nminibatches:
            raise UserError(
                f"nminibatches={self.nminibatches}: {rows} rows leave one to each, whose normalised advantage is 0"
            )
        return rows // self.nminibatches

    def learning_rate(self, left: float) -> float:
        """Where `left` of the training, 1 to 0, is still to come."""
        return self.lr * (left if self.lr_schedule == "linear" else 1)

    def clip(self, left: float) -> float:
        """The clip range, likewise."""
        return self.cliprange * (left if self.cliprange_schedule == "linear" else 1)


# What differs from the defaults, by the environment's name without its version.
ENV_DEFAULTS: dict[str, dict[str, object]] = {
    # Episodes of 50 steps: rows of the log as often as HER's.
    "FetchReach": {"nsteps": 500, "nminibatches": 10, "n_cycles": 1},
}

PRESETS = {
    # One process, 8 environments: the batches of the defaults, sooner. Tasks have the settings of the RL Zoo.
    "single": Preset(
        dict(nsteps=256, nminibatches=32, n_cycles=10),
        num_env=8,
        tasks={
            "CartPole*": dict(nsteps=32, nminibatches=1, noptepochs=20, gamma=0.98, lam=0.8, lr=0.001, n_cycles=40,
                              cliprange_schedule="linear", clip_value=False, normalize_observations=False,
                              normalize_rewards=False),
            "Pendulum*": dict(gamma=0.9, lr=0.001, lr_schedule="constant"),
        },
    ),
}  # fmt: skip

# Where `python -m baselines.tune` looks, if nobody says otherwise. Not for nsteps and nminibatches: one must divide the
# other, and both set the price of an update.
SEARCH = {
    "lr": Range(1e-5, 1e-2, log=True),
    "gamma": Range(choices=(0.9, 0.95, 0.98, 0.99, 0.995, 0.999)),
    "lam": Range(0.8, 1.0),
    "noptepochs": Range(3, 20, log=True),
    "cliprange": Range(0.1, 0.4),
    "ent_coef": Range(1e-6, 0.1, log=True),
    "vf_coef": Range(0.2, 1.0),
    "max_grad_norm": Range(0.3, 5.0, log=True),
}
