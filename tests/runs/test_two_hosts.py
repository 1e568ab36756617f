"""Two workers on two hosts: network namespaces with an address each, and the command of docs/many-processes.md."""

import os
import shutil
import subprocess

import pytest

from tests.helpers import POINT_REACH, TINY, mpirun_command, timeless

NAMES = {f"her{os.getpid()}-{host}": f"10.213.77.{host}" for host in (1, 2)}  # namespaces and their addresses
WORDS = [POINT_REACH, *TINY, "--seed=0", "--n_epochs=2", "--num_env=2", "--vec_env=sync"]
# Stands for ssh: the words after the options are a host and a command for its shell.
INSTEAD_OF_SSH = """#!/bin/sh
echo "$*" >> called
while [ "${1#-}" != "$1" ]; do shift; done
case "$1" in %s) namespace=%s;; *) namespace=%s;; esac
shift
exec ip netns exec $namespace sh -c "$*"
"""


def ip(*words):
    """Run the command `ip`; skip the test where this machine does not let us."""
    done = subprocess.run(["ip", *words], capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"ip {' '.join(words)}: {done.stderr.strip()}")


@pytest.fixture(scope="module")
def hosts():
    """Two namespaces that only see each other."""
    if os.geteuid() or not shutil.which("ip"):
        pytest.skip("network namespaces need root and the command ip (iproute2)")
    first, second = NAMES
    try:
        for name in NAMES:
            ip("netns", "add", name)
        ip("link", "add", "her0", "netns", first, "type", "veth", "peer", "name", "her0", "netns", second)
        for name, address in NAMES.items():
            ip("-n", name, "address", "add", f"{address}/24", "dev", "her0")
            for device in ("lo", "her0"):
                ip("-n", name, "link", "set", device, "up")
        yield
    finally:
        for name in NAMES:
            subprocess.run(["ip", "netns", "delete", name], capture_output=True)


@pytest.fixture
def ssh(hosts, cwd):
    """A program `ssh` that comes first in the path and needs no password."""
    folder, program = cwd / "bin", cwd / "bin" / "ssh"
    folder.mkdir()
    program.write_text(INSTEAD_OF_SSH % (NAMES[list(NAMES)[0]], *NAMES))
    program.chmod(0o755)
    return folder


@pytest.mark.slow
def test_two_workers_on_two_hosts_have_the_numbers_of_two_on_one(ssh, cwd, forks):
    (cwd / "hosts").write_text("".join(f"{address}:1\n" for address in NAMES.values()))
    launcher, *words = mpirun_command(2)
    command = ["ip", "netns", "exec", list(NAMES)[0], launcher, "-f", "hosts", *words, "baselines.run", *WORDS,
               "--log_path=two"]  # fmt: skip
    environment = {**os.environ, "PATH": f"{ssh}:{os.environ['PATH']}"}
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, env=environment)
    assert done.returncode == 0, done.stderr
    assert NAMES[list(NAMES)[1]] in (cwd / "called").read_text()
    assert len(list((cwd / "two" / "checkpoint").glob("*-rank1.safetensors"))) == 2
    one = forks.run(2, *WORDS, "--log_path=one")
    assert one.returncode == 0, one.stderr
    assert timeless("two") == timeless("one") and len(timeless("one")) == 2
