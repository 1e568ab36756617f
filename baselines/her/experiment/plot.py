"""`python -m baselines.her.experiment.plot`: the name that users of OpenAI Baselines know for `baselines.plot`."""

from baselines.plot import main as main

if __name__ == "__main__":
    main()
