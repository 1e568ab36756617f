"""Policies in formats that other programs run."""

from baselines.policies.exporting.formats import FORMATS as FORMATS
from baselines.policies.exporting.formats import export as export
from baselines.policies.exporting.formats import place_for as place_for
