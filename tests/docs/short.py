"""Commands with short settings: what is long is cut, small networks are added, and nothing else is touched."""

from baselines.common.cli import as_one_word

# The most that a flag may be: enough for two epochs, and for two more where a run is resumed.
MOST = dict(num_timesteps=100, timesteps=100, n_epochs=1, n_trials=1, episodes=1, play_episodes=1, num_episodes=2,
            num_env=2, n_cycles=1, n_batches=1, n_test_rollouts=1, n_test_episodes=1, batch_size=16, hidden=8, layers=1,
            save_video_interval=1)  # fmt: skip
MOST_RESUMED = {**MOST, "num_timesteps": 400, "n_epochs": 2}
# What is added where it is not given: to training, by algorithm (`demo_batch_size` must be less than `batch_size`) ...
ADDED = {
    "her": dict(n_cycles=1, n_batches=1, batch_size=16, demo_batch_size=8, hidden=8, layers=1, n_test_rollouts=1),
    "ppo2": dict(n_cycles=1, nsteps=32, noptepochs=1, nminibatches=1, num_hidden=8, num_layers=1, n_test_episodes=1),
    "examples.cross_entropy": dict(population=2, elites=1, generations=1),
}
# ... and to the other commands.
ADDED_TO = {
    "baselines.evaluate": dict(episodes=1),
    "baselines.play": dict(episodes=1),
    "baselines.her.experiment.play": dict(n_test_rollouts=1),
    "baselines.her.experiment.data_generation.fetch_data_generation": dict(num_episodes=2),
}
TRAINING = ("baselines.run", "baselines.her.experiment.train", "baselines.tune")


def shortened(module: str, words: list[str]) -> list[str]:
    """The words of `python -m module`."""
    words = as_one_word(words)
    given = dict(word.removeprefix("--").split("=", 1) for word in words if _has_value(word))
    if module == "baselines.tune":
        tuned = given.get("tuned", "").split(",")
        short = {name: value for name, value in _of_training(given, {}).items() if name not in tuned}
        short = dict(n_trials=1, timesteps=100) | short
    elif module in TRAINING:
        short = short_settings(given)
    else:
        short = ADDED_TO.get(module, {}) | _cut(given, MOST)
    return [word for word in words if not _has_value(word)] + [f"--{name}={value}" for name, value in short.items()]


def short_settings(given: dict) -> dict:
    """The same of all that a run is given, in words or from Python."""
    if "resume" in given:
        return _cut(given, MOST_RESUMED)
    return _of_training(given, {} if "n_epochs" in given else dict(num_timesteps=100))


def _of_training(given, length):
    environments = dict(num_env=2) if "preset" in given else {}
    return length | environments | ADDED.get(given.get("alg", "her"), {}) | _cut(given, MOST)


def _cut(given, most):
    return {n: most[n] if n in most and float(value) > most[n] else value for n, value in given.items()}


def _has_value(word):
    return word.startswith("--") and "=" in word
