"""Write a saved policy for other programs: `python -m baselines.export --load_path=FILE --format=onnx --output=OUT`."""

from dataclasses import dataclass

from baselines.common.cli import NEEDS_POLICY, errors_end_the_process, parse_all
from baselines.common.settings import Settings, setting
from baselines.policies.exporting import FORMATS, export
from baselines.policies.policy import read_policy

_NEEDED = {
    **NEEDS_POLICY,
    "format": f"--format=NAME: give one of {', '.join(FORMATS)}",
    "output": "--output=PATH: give the file, or for savedmodel the folder, to write",
}


@dataclass(frozen=True)
class ExportOptions(Settings):
    """The command line; `PolicyOptions` would need Gymnasium, which a robot may not have."""

    load_path: str | None = setting(
        None, "policy: a file, or a folder with latest.safetensors", path=True, default_text=""
    )
    format: str | None = setting(None, ", ".join(FORMATS), choices=tuple(FORMATS), default_text="")
    output: str | None = setting(
        None,
        "what to write, which must not exist yet: FILE.tflite, FILE.onnx, FILE.py (and FILE.npz) or a folder",
        path=True,
        default_text="",
    )


def main(argv: list[str] | None = None) -> None:
    """Export what the command line says."""
    with errors_end_the_process():
        options = parse_all(ExportOptions, argv, "baselines.export", __doc__, _NEEDED)
        if options is not None:
            assert options.load_path and options.format and options.output  # _NEEDED
            print("wrote", " and ".join(export(read_policy(options.load_path), options.format, options.output)))


if __name__ == "__main__":
    main()
