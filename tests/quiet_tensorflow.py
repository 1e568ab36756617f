"""Imports TensorFlow before anything else does: without its start-up notes, and with one thread for each process."""

import os

from baselines.learning.quiet import import_tensorflow

os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")
os.environ.setdefault("TF_NUM_INTEROP_THREADS", "1")
import_tensorflow()
