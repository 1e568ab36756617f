"""Episodes that a policy played, as demonstrations."""

from collections.abc import Sequence

from baselines.common.errors import UserError
from baselines.common.specs import GOAL_KEYS, EnvSpec
from baselines.her.demonstrations.files import write_demonstrations
from baselines.her.episodes import single_episode, stack_episodes
from baselines.runs.evaluation import Episode


def write_played(path: str, episodes: Sequence[Episode], spec: EnvSpec, generator: str, seed: int) -> None:
    """Write episodes of a goal environment. Raises UserError."""
    if not spec.has_goals:
        raise UserError(f"demonstrations are episodes of goal environments; {spec.env_id} has no goals")
    batches = [
        single_episode(
            action=episode.action,
            success=bool(episode.success),
            reward=episode.reward,
            terminated=episode.terminated,
            **{key: episode.observation[key] for key in GOAL_KEYS},
        )
        for episode in episodes
    ]
    write_demonstrations(path, stack_episodes(batches, spec.horizon), spec.env_id, generator, seed)
