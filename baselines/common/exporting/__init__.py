"""Policies in formats that other programs run."""

from baselines.common.exporting.formats import FORMATS as FORMATS
from baselines.common.exporting.formats import export as export
from baselines.common.exporting.formats import place_for as place_for
