"""The settings of PPO, the presets, and the settings that some tasks change."""

from dataclasses import dataclass

from baselines.common.errors import UserError
from baselines.common.settings import Settings, setting
from baselines.common.specs import EnvSpec
from baselines.runs.algorithms import Preset, Range

SCHEDULES = ("constant", "linear")


@dataclass(frozen=True)
class PPOConfig(Settings):
    """The settings of a run; the defaults are those of OpenAI Baselines for MuJoCo. Creating one checks them all."""

    network: str = setting("mlp", "kind of network: layers of num_hidden units", choices=("mlp",), group="networks")
    num_hidden: int = setting(64, "tanh units of each hidden layer", 1, 65536, of_policy=True)
    num_layers: int = setting(2, "hidden layers of the policy and of the value network", 1, 100, of_policy=True)
    value_network: str = setting("copy", "hidden layers of the value network: copy: its own; shared: the policy's",
                                 choices=("copy", "shared"), of_policy=True)  # fmt: skip
    nsteps: int = setting(2048, "steps of each environment between updates", 1, 10**7, group="rollouts")
    gamma: float = setting(0.99, "discount", 0, 1)
    lam: float = setting(0.95, "lambda of the generalized advantage estimation (1506.02438)", 0, 1)
    noptepochs: int = setting(10, "passes over each rollout", 1, 10**6, group="updates")
    nminibatches: int = setting(32, "minibatches that each pass divides a rollout into", 1)
    lr: float = setting(3e-4, "learning rate (Adam)", 0, 1e30)
    lr_schedule: str = setting("linear", "constant lr, or linear to 0 at the end of training", choices=SCHEDULES)
    cliprange: float = setting(0.2, "bound on the ratio of probabilities: 1 - cliprange to 1 + cliprange", 0)
    cliprange_schedule: str = setting("constant", "the same for cliprange", choices=SCHEDULES)
    clip_value: bool = setting(True, "bound the change of the value by cliprange too")
    ent_coef: float = setting(0.0, "weight of the entropy in the loss", 0)
    vf_coef: float = setting(0.5, "weight of the value loss", 0)
    max_grad_norm: float = setting(0.5, "largest norm of the whole gradient; 0: no bound", 0)
    n_cycles: int = setting(10, "cycles (rollouts with their updates) per epoch", 1, group="schedule")
    n_test_episodes: int = setting(10, "evaluation episodes per epoch and worker", 1)
    normalize_observations: bool = setting(True, "normalise observations by their mean and std so far", of_policy=True,
                                           group="normalisation")  # fmt: skip
    normalize_rewards: bool = setting(True, "divide rewards by the std of their discounted sums so far")
    norm_clip: float = setting(10.0, "bound on normalised observations and rewards", 1e-9, 1e30, of_policy=True)
    norm_eps: float = setting(1e-4, "smallest std to divide by", 1e-9, 1e30, of_policy=True)

    def for_env(self, spec: EnvSpec) -> "PPOConfig":
        """Return the settings. Raises UserError for environments whose episodes may never end: nor would evaluation."""
        if not spec.horizon:
            raise UserError(f"'{spec.env_id}' has no time limit: add --max_episode_steps, or wrap it in TimeLimit")
        return self

    def minibatch_size(self, num_env: int) -> int:
        """Return the rows of a minibatch. Raises UserError where a rollout cannot be divided."""
        rows = self.nsteps * num_env
        if rows % self.nminibatches or rows < 2 * self.nminibatches:
            divisor = f"a divisor of nsteps x num_env = {self.nsteps} x {num_env} = {rows}"
            raise UserError(f"nminibatches={self.nminibatches}: expected {divisor}, and at least 2 rows in a minibatch")
        return rows // self.nminibatches


# By the name without its version. Episodes of FetchReach have 50 steps: so the log has a row as often as HER's.
ENV_DEFAULTS: dict[str, dict[str, object]] = {"FetchReach": {"nsteps": 500, "nminibatches": 10, "n_cycles": 1}}

# One process with 8 environments: minibatches as large as the defaults', sooner. The tasks' settings are the RL Zoo's.
_TASKS: dict[str, dict[str, object]] = {
    "CartPole": dict(nsteps=32, nminibatches=1, noptepochs=20, gamma=0.98, lam=0.8, lr=0.001, n_cycles=40,
                     cliprange_schedule="linear", clip_value=False, normalize_observations=False,
                     normalize_rewards=False),
    "Pendulum": dict(gamma=0.9, lr=0.001, lr_schedule="constant"),
}  # fmt: skip
PRESETS = {"single": Preset(dict(nsteps=256, nminibatches=32, n_cycles=10), num_env=8, tasks=_TASKS)}

# The ranges that `python -m baselines.tune` searches by default. nsteps and nminibatches have none: one must divide the
# other, and both set the cost of an update.
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
