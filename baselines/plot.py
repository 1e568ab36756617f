"""Plot learning curves of runs, or print a table of them: `python -m baselines.plot RUNS... --output=curves.png`.

RUNS are log folders, or folders of them; runs with equal settings are one line. LABEL=DIR,DIR,... is a line too.
A line is the interquartile mean of its runs with a 95 percent bootstrap band, and a thin line for each run.
"""

import os
import sys

from baselines.common.cli import ArgumentParser, errors_end_the_process, show
from baselines.common.errors import UserError
from baselines.results.drawing import Panel, draw
from baselines.results.logs import Curve, Group, groups_of, read_curve, selected, tell
from baselines.results.statistics import check_installed
from baselines.results.tables import as_csv, as_markdown, levels_of, summary
from baselines.storage import check_file_writable, replace_file

X_KEYS = {"steps": "total/timesteps", "minutes": "total/seconds"}
X_LABELS = {"total/timesteps": "environment steps", "total/seconds": "minutes"}


def panel_of(groups: list[Group], x_key: str, y_key: str, smooth: int) -> Panel:
    """Return the panel of two columns; seconds are shown in minutes. Raises UserError."""
    unit = 60 if x_key == "total/seconds" else 1
    lines = {}
    for group in groups:
        curves = [read_curve(folder, x_key, y_key, smooth) for folder in group.runs]
        lines[group.name] = [Curve(curve.x / unit, curve.y) for curve in curves]
    mean = f"\nmean of {smooth} epochs in a row" if smooth > 1 else ""
    name = y_key.removeprefix("test/").replace("_", " ")
    return Panel(X_LABELS.get(x_key, x_key), name + mean, lines, levels_of(y_key) != ())


def title_of(groups: list[Group]) -> str:
    """Return the algorithm and the environment of all groups, if they are the same and known."""
    known = {(its.get("alg"), its.get("env")) for group in groups for its in group.runs.values()}
    alg, env = known.pop() if len(known) == 1 else (None, None)
    return f"{alg} on {env}" if alg and env else ""


def write(panels: list[list[Panel]], title: str, path: str, look: str) -> None:
    """Write the picture completely or leave what was there. Raises UserError."""
    check_file_writable(path)
    try:
        with replace_file(path) as file:
            draw(panels, title, file, os.path.splitext(path)[1][1:].lower(), look)
    except (OSError, ValueError) as error:
        raise UserError(f"cannot write {path}: {error}") from None


def parser() -> ArgumentParser:
    """Return the command line's flags."""
    parser = ArgumentParser(prog="python -m baselines.plot", description=__doc__, allow_abbrev=False)
    parser.add_argument("runs", nargs="+", metavar="RUNS", help="folders of runs, or LABEL=DIR,DIR,...")
    parser.add_argument("--x", nargs="+", default=["steps"], help="steps, minutes, or columns of the log (steps)")
    parser.add_argument("--y", nargs="+", default=["test/success_rate"], help="columns of the log (test/success_rate)")
    parser.add_argument("--smooth", type=int, default=1, help="show means of so many epochs in a row (1)")
    parser.add_argument("--output", help="picture to write: .png, .svg or .pdf (curves.png, or none with --table)")
    parser.add_argument("--dark", action="store_true", help="draw on a dark background")
    parser.add_argument("--table", choices=("markdown", "csv"), help="print a table of --y (markdown)")
    parser.add_argument("--levels", type=float, nargs="+", help="scores to reach (0.5 0.9 0.95 of success)")
    return parser


def main(argv: list[str] | None = None) -> None:
    """Run the command."""
    words = ["--table=markdown" if word == "--table" else word for word in (sys.argv[1:] if argv is None else argv)]
    with errors_end_the_process():
        args = parser().parse_args(words)
        check_installed()
        if args.smooth < 1:
            raise UserError(f"--smooth: expected at least 1, got {args.smooth}")
        x_keys = [X_KEYS.get(key, key) for key in args.x]
        groups, said = selected(groups_of(args.runs), x_keys[0])
        for y_key in args.y if args.table else ():
            rows = {its.label: summary(its, y_key, args.levels or levels_of(y_key)) for its in groups}
            show(as_csv(rows) if args.table == "csv" else as_markdown(rows))
        if args.output or not args.table:
            path = os.path.expanduser(args.output or "curves.png")
            panels = [[panel_of(groups, x, y, args.smooth) for x in x_keys] for y in args.y]
            write(panels, title_of(groups), path, "dark" if args.dark else "light")
            show(f"wrote {path}", sys.stderr if args.table else sys.stdout)
        tell(said)


if __name__ == "__main__":
    main()
