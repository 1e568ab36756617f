"""What each setting of HER changes, measured on a run that is wired as a user would start it."""

from collections.abc import Callable
from typing import NamedTuple

from tests.helpers import HORIZON
from tests.her.measures import (
    counted,
    critics,
    demonstrations_normalized,
    evaluated_value,
    extreme_targets,
    farthest_actions,
    finds_the_effector,
    growth_of_values,
    inputs_of_networks,
    kept_share_of_average,
    kept_share_of_target,
    loss_of_action,
    mean_steps_of_a_random_action,
    share_of_cloned_actions,
    share_of_goals_of_others,
    share_of_guided_actions,
    share_of_moving_episode,
    share_of_own_actions,
    shares_of_relabelled_goals,
    spread_of_actions,
    stored_episodes,
    sums_over_workers,
    target,
    target_between_and_after_updates,
    target_of_an_end,
    trained_at_the_end,
    trained_networks,
    widths,
)

SMALL = ("--hidden=8", "--layers=1")  # where the size of the networks does not matter


class Effect(NamedTuple):
    """What a setting does: `measure` gives `default`, and `changed` where the setting has this value."""

    value: object
    measure: Callable
    default: object
    changed: object
    others: tuple[str, ...] = SMALL
    tolerance: float = 1e-4
    needs: tuple[str, ...] = ()  # what must be given where the setting is


SHORT = (*SMALL, "--n_cycles=1")
DEMOS = (*SMALL, "--demo_file=demos.npz")
MOVEMENT = (*SMALL, "--replay_priority=movement")
FETCH_PUSH = ("--env=FetchPush-v1", "--vec_env=sync")  # EnvPool's start costs more than these tests
RELAY = (*SMALL, "--relay_effector=0:2")
# The goal of step t is the last achieved one with probability 1 / (30 - t), if it is relabelled.
FUTURE = (0.8, 0.8 * sum(1 / n for n in range(1, HORIZON + 1)) / HORIZON)
# Every setting but `network`, which has one value.
EFFECTS = {
    "hidden": Effect(16, widths, [256, 256, 256], [16, 16, 16], ()),
    "layers": Effect(2, widths, [256, 256, 256], [256, 256], ()),
    "max_u": Effect(0.5, farthest_actions, (1, 1, 1), (0.5, 0.5, 0.5)),
    "n_critics": Effect(2, critics, (1, 1), (2, 2)),
    "layer_norm": Effect(True, growth_of_values, 10, 1, (*SMALL, "--max_u=1"), 0.01),
    "Q_lr": Effect(0, trained_networks, (True, True), (False, True)),
    "pi_lr": Effect(0, trained_networks, (True, True), (True, False)),
    "lr_final": Effect(0, trained_at_the_end, (True, True), (False, False)),
    # Where a fifth of the training is still to come.
    "lr_fall_from": Effect(
        0, lambda wiring: wiring.agent.config.learning_rate_share(0.2), 0.5, 0.2, (*SMALL, "--lr_final=0")
    ),
    "polyak": Effect(1, kept_share_of_target, 0.95, 1),
    "target_interval": Effect(2, target_between_and_after_updates, (1, 0.95), (0.95, 0.95), (*SMALL, "--Q_lr=0")),
    "simulated_workers": Effect(
        2, sums_over_workers, (3, 0.001 * 0.25 + 0.0078 * 1.28), (1.5, 0.001 * 0.25 + 0.0078 * 0.64), DEMOS
    ),
    # Paths of 0.3 and 0, and the floor added to both.
    "replay_priority": Effect("movement", share_of_moving_episode, 0.5, 0.32 / 0.34, tolerance=0.01),
    "priority_clip": Effect(0.005, share_of_moving_episode, 0.32 / 0.34, 0.17 / 0.19, MOVEMENT, 0.01),
    "gamma": Effect(0.75, lambda wiring: target(wiring, reward=-1), 1 + 29 / 30, 1.75),
    "clip_return": Effect(False, extreme_targets, (HORIZON, 0), (1000 + 29 / 30, 1000 - 29 / 30)),
    "clip_pos_returns": Effect(False, extreme_targets, (HORIZON, 0), (HORIZON, 1000 - 29 / 30)),
    "terminated_value": Effect("bootstrap", target_of_an_end, 1, 1 + 29 / 30),
    "action_l2": Effect(3, loss_of_action, 0.25, 0.75),
    "batch_size": Effect(16, counted("shape"), (40, 256), (40, 16), SHORT),
    "buffer_size": Effect(2 * HORIZON, stored_episodes, 5, 2),
    "n_cycles": Effect(3, counted("cycles"), 50, 3),
    "n_batches": Effect(3, counted("shape"), (40, 256), (3, 256), SHORT),
    "n_test_rollouts": Effect(3, counted("tests"), 10, 3, SHORT),
    "test_with_polyak": Effect(True, evaluated_value, 5, -5),
    "average_actor": Effect(0.1, kept_share_of_average, 0, 0.1, (*SMALL, "--pi_lr=0")),
    "random_eps": Effect(1, share_of_own_actions, 0.7, 0, (*SMALL, "--noise_eps=0"), 0.05),
    "noise_eps": Effect(0.1, spread_of_actions, 0.2, 0.1, (*SMALL, "--random_eps=0"), 0.01),
    "random_hold": Effect(5, mean_steps_of_a_random_action, 1, 5, (*SMALL, "--random_eps=1"), 0.1),
    "guide": Effect("auto", finds_the_effector, 0, 1),
    "guide_eps": Effect(0.9, share_of_guided_actions, 0.5, 0.9, RELAY, 0.05),
    "relay_effector": Effect("0:2", share_of_guided_actions, 0, 0.5, tolerance=0.05),
    "replay_strategy": Effect("final", shares_of_relabelled_goals, FUTURE, (0.8, 0.8), tolerance=0.05),
    # Of 5 + 5 parts, 5 are another's goal, one in two of them one's own.
    "replay_actual": Effect(5, share_of_goals_of_others, 0, 0.25, tolerance=0.02),
    "replay_k": Effect(1, shares_of_relabelled_goals, FUTURE, (0.5, 0.5 * FUTURE[1] / 0.8), tolerance=0.05),
    "demo_file": Effect("demos.npz", counted("demos"), 0, 128, SHORT),
    "bc_loss": Effect(True, counted("demos"), 0, 128, SHORT, needs=("--demo_file=demos.npz",)),
    "q_filter": Effect(True, share_of_cloned_actions, 1, 0, DEMOS),
    "num_demo": Effect(2, demonstrations_normalized, 3, 2, DEMOS),
    "demo_batch_size": Effect(16, counted("demos"), 128, 16, (*DEMOS, "--n_cycles=1")),
    # 4 rows of 2 coordinates, each cloned from 0.5 to 0.1; the usual loss is 0.25.
    "prm_loss_weight": Effect(1, loss_of_action, 0.001 * 0.25 + 0.0078 * 1.28, 0.25 + 0.0078 * 1.28, DEMOS),
    "aux_loss_weight": Effect(1, loss_of_action, 0.001 * 0.25 + 0.0078 * 1.28, 0.001 * 0.25 + 1.28, DEMOS),
    "relative_goals": Effect(True, inputs_of_networks, [0.5, 0.5], [0.5, 0.3]),
    "clip_obs": Effect(0.001, inputs_of_networks, [0.5, 0.5], [0.1, 0.1]),
    "norm_eps": Effect(0.1, inputs_of_networks, [0.5, 0.5], [0.05, 0.05]),
    "norm_clip": Effect(0.4, inputs_of_networks, [0.5, 0.5], [0.4, 0.4]),
}
