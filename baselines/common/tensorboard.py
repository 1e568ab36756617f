"""The metrics of a run as TensorBoard shows them: event files in the log folder."""

from collections.abc import Callable, Mapping
from typing import Any

from baselines.common.quiet import import_tensorflow

FILES = "events.out.tfevents."  # how their names begin


class TensorBoard:
    """Writes to a folder; what cannot be written is a warning."""

    def __init__(self, folder: str, warn: Callable[[str], None]):
        """The file is made with the first metrics."""
        self._folder, self._warn = folder, warn
        self._writer: Any = None

    def dump(self, metrics: Mapping[str, float], step: int) -> None:
        """One point of each curve."""
        import_tensorflow()  # here, because it takes seconds and the rest of the logger needs none of it
        import tensorflow as tf

        try:
            if self._writer is None:
                self._writer = tf.summary.create_file_writer(self._folder)
            with self._writer.as_default():
                for name, value in metrics.items():
                    tf.summary.scalar(name, value, step=step)
            self._writer.flush()
        except tf.errors.OpError as error:  # the CSV and JSON files have all that TensorBoard would show
            self._warn(f"cannot write for TensorBoard: {error.message}")

    def close(self) -> None:
        if self._writer:
            self._writer.close()
