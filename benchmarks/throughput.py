"""Speed of all parts against the machine's limits and peers: `python -m benchmarks.throughput [PART ...]`.

The variants of each part take turns, round after round. Medians are printed, and written with machine, versions and
commit to benchmarks/results/throughput.json.
"""

import argparse
import sys

from baselines.common.errors import UserError
from benchmarks.exploration import exploration
from benchmarks.measure import report
from benchmarks.mpi import mpi
from benchmarks.peers import peers
from benchmarks.ppo2 import ppo2, ppo2_parts
from benchmarks.rollouts import rollouts
from benchmarks.sampling import memory, sampling
from benchmarks.updates import updates
from benchmarks.whole_run import end_to_end, start_up

PARTS = {
    part.__name__: part
    for part in (
        *(rollouts, updates, sampling, memory, exploration, start_up, end_to_end, mpi, peers),
        *(ppo2, ppo2_parts),
    )
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.throughput", description=__doc__.splitlines()[0])
    parser.add_argument(
        "parts", nargs="*", choices=[*PARTS, []], metavar="PART", help=f"{', '.join(PARTS)} (default: all)"
    )
    parser.add_argument("--rounds", type=int, default=5, help="rounds to take medians over (default: 5)")
    args = parser.parse_args()
    for name in args.parts or PARTS:
        try:
            report("throughput.json", name, PARTS[name](args.rounds))
        except UserError as error:  # a part that needs what is not installed
            print(error, file=sys.stderr)


if __name__ == "__main__":
    main()
