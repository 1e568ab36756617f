"""Write a saved policy for other programs: `python -m baselines.export --load_path=FILE --format=onnx --output=OUT`."""

from dataclasses import dataclass

from baselines.common.cli import errors_end_the_process, parse_all, show
from baselines.common.settings import Settings, setting
from baselines.policies.exporting import FORMATS, export
from baselines.policies.policy import read_policy


@dataclass(frozen=True)
class ExportOptions(Settings):
    """The command line; `PolicyOptions` would need Gymnasium, which a robot may not have."""

    load_path: str = setting(None, "policy: a file, or a folder with latest.safetensors", path=True)
    format: str = setting(None, ", ".join(FORMATS), choices=tuple(FORMATS))
    output: str = setting(
        None, "what to write, which must not exist yet: FILE.tflite, FILE.onnx, FILE.py (and FILE.npz) or a folder",
        path=True,
    )  # fmt: skip


def main(argv: list[str] | None = None) -> None:
    """Export what the command line says."""
    with errors_end_the_process():
        options = parse_all(ExportOptions, argv, "baselines.export", __doc__)
        show(f"wrote {' and '.join(export(read_policy(options.load_path), options.format, options.output))}")


if __name__ == "__main__":
    main()
