"""Imports TensorFlow without its start-up notes; before anything else does."""

from baselines.common.quiet import import_tensorflow

import_tensorflow()
