"""Learning curves as pictures, light or dark, or for either background."""

import math
from collections.abc import Mapping, Sequence
from typing import IO, Any, NamedTuple

from baselines.common.errors import UserError
from baselines.common.streams import escaped
from baselines.results.logs import Curve, on_one_axis
from baselines.results.statistics import interquartile_mean, interval

DASHES = ("-", "--", "-.", ":")
# Okabe & Ito's colours differ for people with any colour vision; the dashes differ too. Those that hardly show on a
# background are replaced. The colours of `both` have the contrast of 3 to white and to a dark page.
LOOKS = {  # ink, background, colours of the lines
    "light": ("#333333", "white", ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#000000", "#56B4E9")),
    "dark": ("#cccccc", "#121417", ("#56B4E9", "#E69F00", "#009E73", "#CC79A7", "#F0E442", "#ffffff", "#D55E00")),
    "both": ("#808080", "none", ("#1F83C8", "#D55E00", "#009E73", "#CC79A7", "#997700", "#808080", "#5A8F00")),
}


class Panel(NamedTuple):
    """Axes with a line for each group of runs."""

    x_label: str
    y_label: str
    lines: Mapping[str, Sequence[Curve]]  # the runs of each group, by its label
    is_share: bool = False  # y is from 0 to 1


def draw(rows: Sequence[Sequence[Panel]], title: str, file: IO[bytes], kind: str = "png", look: str = "light") -> None:
    """Write a picture of the panels: interquartile means, their 95 percent bands, and a thin line for each run.

    Raises UserError where a library is missing or `kind` is no kind of picture.
    """
    try:
        import matplotlib
    except ImportError:
        raise UserError("plotting needs matplotlib: pip install 'baselines-her[plot]'") from None
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    kinds = FigureCanvasAgg.get_supported_filetypes()
    if kind not in kinds:
        raise UserError(f"expected a picture that ends in .png, .svg or .pdf, got '{kind}'")
    ink, background, colors = LOOKS[look]
    inks = ("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color", "grid.color")
    off = ("axes.spines.top", "axes.spines.right", "legend.frameon", "text.parse_math")  # a label may hold a $
    style: dict[Any, Any] = {**dict.fromkeys(inks, ink), **dict.fromkeys(off, False), "axes.facecolor": "none",
                             "figure.facecolor": background, "savefig.facecolor": background, "axes.grid": True,
                             "grid.alpha": 0.15, "svg.hashsalt": ""}  # fmt: skip
    with matplotlib.rc_context(style):
        labels = dict.fromkeys(label for row in rows for panel in row for label in panel.lines)
        width = max(7.8, 1 + 3.4 * len(rows[0]))  # inches, of which each is read as 100 pixels of a page
        columns = max(1, min(len(labels), int(13.5 * width) // (6 + max(map(len, labels)))))
        height = 0.7 + 2.6 * len(rows) + 0.22 * math.ceil(len(labels) / columns)
        figure = Figure((width, height), layout="constrained")
        looks = {label: (colors[i % len(colors)], DASHES[i % len(DASHES)]) for i, label in enumerate(labels)}
        lines: dict[str, Any] = {}
        for panels, row in zip(figure.subplots(len(rows), len(rows[0]), squeeze=False), rows, strict=True):
            for axes, panel in zip(panels, row, strict=True):
                lines |= _draw_panel(axes, panel, looks)
        shown = [escaped(label) for label in labels]
        figure.legend([lines[label] for label in labels], shown, loc="outside lower center", ncols=columns)
        figure.suptitle(escaped(title), fontsize="medium")
        undated = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}
        figure.savefig(file, format=kind, dpi=200, metadata=undated.get(kind))


def _draw_panel(axes: Any, panel: Panel, looks: Mapping[str, tuple[str, str]]) -> dict[str, Any]:
    """Draw one panel with the colour and the dashes of each group, and return the lines."""
    from matplotlib.ticker import EngFormatter

    lines = {}
    for label, curves in panel.lines.items():
        color, dashes = looks[label]
        x, y = on_one_axis(curves)
        for curve in curves if len(curves) > 1 else ():
            axes.plot(*curve, color=color, alpha=0.4, linewidth=0.6)
        axes.fill_between(x, *interval(interquartile_mean, y), color=color, alpha=0.2, linewidth=0)
        mark = "o" if len(x) == 1 else None
        (lines[label],) = axes.plot(x, interquartile_mean(y), dashes, color=color, marker=mark)
    axes.set(xlabel=panel.x_label, ylabel=panel.y_label)
    axes.xaxis.set_major_formatter(EngFormatter(sep=""))  # 20k
    if panel.is_share:
        axes.set(ylim=(-0.02, 1.02))
    return lines
