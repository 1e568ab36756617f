"""Output that cannot be shown: it is dropped or escaped, and the rest of the command goes on."""

import subprocess
import sys
from pathlib import Path

import pytest

COMMAND = """
import sys
from baselines.common.cli import errors_end_the_process, show
from baselines.common.errors import UserError

with errors_end_the_process():
    show("caf\\xe9 of \\udce9")
    print("5 \\xb0", end="")  # as an environment may
    with open("results.txt", "w") as file:
        assert file.fileno() > 2
        file.write("written")
    raise UserError("\\udce9")
"""
STREAMS = ["2>&-", "0<&- 1>&- 2>&-", "1>/dev/full 2>/dev/full", "2>&1 | true", "| cat"]


@pytest.mark.parametrize("streams", STREAMS)
def test_a_command_ends_as_it_does_when_all_is_shown(streams, cwd, monkeypatch):
    monkeypatch.setenv("PYTHONIOENCODING", "ascii")
    Path("command.py").write_text(COMMAND)
    words = ["bash", "-c", f"set -o pipefail; {sys.executable} command.py {streams}"]
    done = subprocess.run(words, capture_output=True)
    assert done.returncode == 2 and Path("results.txt").read_text() == "written"
    if streams == "| cat":
        assert (done.stdout, done.stderr) == (b"caf\\xe9 of \\udce9\n5 \\xb0", b"error: \\udce9\n")
