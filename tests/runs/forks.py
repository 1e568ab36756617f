"""Runs that start at once: `Forks` keeps a process that has imported all that a run needs and has done nothing else.

    Popen([*forks.command, *words], env=forks.environment)

is to the outside what `python -m baselines.run words` is, also below mpirun.

What is started so is a small process (forked.py). It hands its words, environment and open files (mpirun talks to its
ranks through one of them) to the process that waits; that one forks the run. Both end together.
"""

import contextlib
import gc
import json
import os
import selectors
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

from tests.helpers import ROOT, mpirun_command

_FORKED = Path(__file__).with_name("forked.py")


class Forks:
    """Close it at the end, which ends all runs that are left."""

    def __init__(self, folder, module=__name__):
        """`module` is what waits: it imports what runs need, calls `serve`, and runs the words that this returns."""
        path = str(folder / "forks")
        self.command = [sys.executable, "-SE", str(_FORKED), path]
        # What was compiled is kept in files: the same code for every run.
        cache = f"--tf_xla_persistent_cache_directory={folder} --tf_xla_persistent_cache_device_types=CPU"
        self.environment = {**os.environ, "TF_XLA_FLAGS": cache, "PYTHONPATH": str(ROOT), "TMPDIR": str(folder)}
        self._server = subprocess.Popen(
            [sys.executable, "-m", module, path], stdin=subprocess.PIPE, env=self.environment
        )
        while not os.path.exists(path):
            assert self._server.poll() is None
            time.sleep(0.02)

    def run(self, ranks, *words, timeout=300):
        """The finished process of so many ranks, as `helpers.mpirun` gives it."""
        command = [*mpirun_command(ranks)[:3], *self.command, *words]
        return subprocess.run(command, capture_output=True, text=True, timeout=timeout, env=self.environment)

    def runs(self):
        """The processes of all runs that have not ended."""
        pid = self._server.pid
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]

    def close(self):
        self._server.stdin.close()
        self._server.wait()


def serve(path):
    """Fork a run for each process that connects. Returns, in the run, its words; else None when stdin ends."""
    gc.freeze()  # a run that ends would look through all that was imported, which takes a second
    clients = {}  # by the process that was forked for them
    with socket.socket(socket.AF_UNIX) as listening, selectors.DefaultSelector() as ready:
        listening.bind(path + ".new")
        listening.listen()
        os.rename(path + ".new", path)
        ready.register(listening, selectors.EVENT_READ)
        ready.register(sys.stdin, selectors.EVENT_READ)
        while True:
            for key, _ in ready.select(0.01):
                if key.fileobj is sys.stdin:
                    for pid in clients:
                        os.kill(pid, signal.SIGKILL)
                    return None
                if key.fileobj is not listening:  # it was killed, and its run dies with it
                    ready.unregister(key.fileobj)
                    os.kill(next(pid for pid, client in clients.items() if client is key.fileobj), signal.SIGKILL)
                    continue
                client, _ = listening.accept()
                request, files = _received(client)
                if (pid := os.fork()) == 0:
                    for held in (listening, ready, client, *clients.values()):
                        held.close()
                    return _become(request, files)
                for file in files:
                    os.close(file)
                clients[pid] = client
                ready.register(client, selectors.EVENT_READ)
            while clients and (ended := os.waitpid(-1, os.WNOHANG))[0]:
                with clients.pop(ended[0]) as client, contextlib.suppress(OSError, KeyError):
                    ready.unregister(client)  # KeyError where it was killed itself
                    client.sendall(str(os.waitstatus_to_exitcode(ended[1])).encode())


def _received(client):
    data, files, _, _ = socket.recv_fds(client, 1 << 20, 16)
    while not data.endswith(b"\n"):
        data += client.recv(1 << 20)
    return json.loads(data), files


def _become(request, files):
    """Have the files at the numbers that they had there, and the rest of what makes a process."""
    high = [os.dup2(file, 500 + i) for i, file in enumerate(files)]
    for file in files:
        os.close(file)
    for file, number in zip(high, request["numbers"], strict=True):
        os.dup2(file, number)
        os.close(file)
    os.setsid()
    os.chdir(request["folder"])
    os.environ.clear()
    os.environ.update(request["environment"])
    return request["words"]


if __name__ == "__main__":
    from baselines.learning.quiet import import_tensorflow

    import_tensorflow()

    import tests.environments  # noqa: F401
    from baselines import run
    from baselines.her import train  # noqa: F401

    words = serve(sys.argv[1])
    if words is not None:
        run.main(words)
