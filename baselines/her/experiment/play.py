"""`python -m baselines.her.experiment.play`: the name that users of OpenAI Baselines know for `baselines.play`."""

from baselines.play import play as play
