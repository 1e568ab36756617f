"""Studies: many trials of one training run, each with other settings (`python -m baselines.tune`)."""
