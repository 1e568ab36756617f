"""A run as TensorBoard shows it: event files in the log folder, with curves, hyperparameters and videos."""

from collections.abc import Callable, Mapping
from typing import Any

from baselines.learning.quiet import import_tensorflow

FILES = "events.out.tfevents."  # how their names begin


class TensorBoard:
    """Writes to a folder; what cannot be written is a warning."""

    def __init__(self, folder: str, warn: Callable[[str], None]):
        """The file is made when there is something to write."""
        self._folder, self._warn = folder, warn
        self._writer: Any = None

    def start(self, settings: Mapping[str, Any], new: bool) -> None:
        """Its table of hyperparameters; it takes the metrics from the curves."""
        if new:
            import_tensorflow()
            from tensorboard.plugins.hparams import api

            # Not hparams_config: TensorBoard would take the first run's for those of all runs beside it.
            kinds = (bool, int, float, str)
            known = {k: v if isinstance(v, kinds) else "" if v is None else str(v) for k, v in settings.items()}
            self._write(lambda tf: _raw(tf, api.hparams_pb(known).SerializeToString(), 0))

    def dump(self, metrics: Mapping[str, float], step: int) -> None:
        """One point of each curve."""

        def points(tf: Any) -> None:
            for name, value in metrics.items():
                tf.summary.scalar(name, value, step=step)

        self._write(points)

    def video(self, path: str, gif: bytes, epoch: int, step: int) -> None:
        """An image that moves: TensorBoard passes it on to the browser as it is."""

        def image(tf: Any) -> None:
            picture = tf.compat.v1.Summary.Image(encoded_image_string=gif)
            value = tf.compat.v1.Summary.Value(tag="video", image=picture)
            _raw(tf, tf.compat.v1.Summary(value=[value]).SerializeToString(), step)

        self._write(image)

    def close(self, failed: bool) -> None:
        if self._writer:
            self._writer.close()

    def _write(self, what: Callable[[Any], None]) -> None:
        """`what` is called with TensorFlow."""
        import_tensorflow()  # here, because it takes seconds and the rest of the logger needs none of it
        import tensorflow as tf

        try:
            if self._writer is None:
                self._writer = tf.summary.create_file_writer(self._folder)
            with self._writer.as_default():
                what(tf)
            self._writer.flush()
        except tf.errors.OpError as error:  # the CSV and JSON files have all that TensorBoard would show
            self._warn(f"cannot write for TensorBoard: {error.message}")


def _raw(tf: Any, summary: bytes, step: int) -> None:
    """A summary that is made already."""
    tf.summary.experimental.write_raw_pb(summary, step=step)
