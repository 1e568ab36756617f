"""Logs of runs, written without running."""

import csv
import json


def write_run(folder, values, spacing=100, settings=None, seed=0):
    """Write progress.csv, and config.json where there are `settings`; return the folder's name."""
    folder.mkdir(parents=True)
    with open(folder / "progress.csv", "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["epoch", "total/timesteps", "total/seconds", "test/success_rate", "train/success_rate"])
        writer.writerows([i, spacing * (i + 1), 60 * (i + 1), v, v / 2] for i, v in enumerate(values))
    if settings is not None:
        document = {"version": "1.0", "alg": "her", "env": "Reach-v0", "seed": seed, "config": settings}
        (folder / "config.json").write_text(json.dumps(document))
    return str(folder)
