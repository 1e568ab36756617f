"""TensorBoard's event files in the log folder: curves, hyperparameters and videos."""

import os
from collections.abc import Callable, Mapping
from typing import Any

from baselines.common.streams import escaped
from baselines.learning.quiet import check_usable, import_tensorflow

FILES = "events.out.tfevents."  # how the names of event files begin


class TensorBoard:
    """A sink that writes event files to a folder; a failure is a warning."""

    def __init__(self, folder: str, warn: Callable[[str], None]):
        """Check that TensorFlow can be used. Raises UserError."""
        check_usable()
        self._folder, self._warn = folder, warn
        self._writer: Any = None

    def start(self, settings: Mapping[str, Any], new: bool) -> None:
        """Write the table of hyperparameters."""
        if new:
            import_tensorflow()
            from tensorboard.plugins.hparams import api

            # Without hparams_config, which would fix the columns of all runs in the folder above.
            texts = {k: "" if v is None else escaped(str(v)) for k, v in settings.items()}
            values = {k: v if isinstance(v, bool | int | float) else texts[k] for k, v in settings.items()}
            self._write_raw(lambda tf: api.hparams_pb(values), 0)

    def dump(self, metrics: Mapping[str, float], step: int) -> None:
        """Write a point of each curve."""
        self._write(lambda tf: [tf.summary.scalar(name, value, step=step) for name, value in metrics.items()])

    def video(self, path: str, gif: bytes, epoch: int, step: int) -> None:
        """Write a video as a GIF, which browsers animate."""

        def summary(tf: Any) -> Any:
            image = tf.compat.v1.Summary.Image(encoded_image_string=gif)
            return tf.compat.v1.Summary(value=[tf.compat.v1.Summary.Value(tag="video", image=image)])

        self._write_raw(summary, step)

    def close(self, failed: bool) -> None:
        """Close the file."""
        if self._writer:
            self._writer.close()

    def _write_raw(self, make: Callable[[Any], Any], step: int) -> None:
        self._write(lambda tf: tf.summary.experimental.write_raw_pb(make(tf).SerializeToString(), step=step))

    def _write(self, write: Callable[[Any], object]) -> None:
        """Call `write` with TensorFlow, whose import takes seconds."""
        import_tensorflow()
        import tensorflow as tf

        try:
            if self._writer is None:
                self._writer = tf.summary.create_file_writer(os.fsencode(self._folder))
            with self._writer.as_default():
                write(tf)
            self._writer.flush()
        except tf.errors.OpError as error:  # progress.csv has the metrics too
            self._warn(f"cannot write for TensorBoard: {error.message}")
