"""The tests; TensorFlow is imported here, so that its start-up notes do not hide their output."""

from baselines.common.quiet import import_tensorflow

import_tensorflow()
