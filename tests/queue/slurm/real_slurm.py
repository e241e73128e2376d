"""A real SLURM for tests: a controller and two nodes on this host, on loopback alone, as root."""

import contextlib
import os
import shutil
import socket
import subprocess
import time
from pathlib import Path

import psutil
import pytest

from lfads_nb.queue.processes import carries_marks

PROGRAMS = ("slurmctld", "slurmd", "munged", "sbatch")


class RealSlurm:
    """Started in a folder, ended by the process numbers in its own files."""

    def __init__(self, folder):
        self.folder = Path(folder)
        self.conf = self.folder / "slurm.conf"

    def start(self):
        for name in ("munge", "state", "spool"):
            (self.folder / name).mkdir()
        for path in (self.folder, self.folder / "munge"):
            path.chmod(0o755)
        key = self.folder / "munge" / "key"
        key.write_bytes(os.urandom(1024))
        key.chmod(0o600)
        template = Path(__file__).with_name("slurm.conf.in").read_text()
        port, *of_nodes = sorted(free_ports(3))
        filled_in = {
            "DIR": self.folder,
            "PORT": port,
            "PORTS_OF_NODES": ",".join(map(str, of_nodes)),
        }
        for name, value in filled_in.items():
            template = template.replace(f"@{name}@", str(value))
        self.conf.write_text(template)
        (self.folder / "gres.conf").write_text("NodeName=n[1-2] Name=gpu File=/dev/null\n")
        munge = self.folder / "munge"
        self.run(
            "munged", f"--key-file={munge / 'key'}", f"--socket={munge / 'socket'}",
            f"--pid-file={munge / 'pid'}", f"--log-file={munge / 'log'}",
            f"--seed-file={munge / 'seed'}",
        )  # fmt: skip
        self.run("slurmctld")
        for node in ("n1", "n2"):
            self.run("slurmd", "-N", node)
        self.wait_until_idle()

    def wait_until_idle(self):
        """Wait until both nodes are there and have nothing to do."""
        deadline = time.monotonic() + 60
        while self.ask("sinfo", "-h", "-o", "%T", "-p", "main") != "idle":
            assert time.monotonic() < deadline, "SLURM does not start"
            time.sleep(0.2)

    def end_jobs(self):
        """Take all jobs away, and wait until their processes are gone."""
        self.ask("scancel", "--user=root")
        deadline = time.monotonic() + 60
        while self.ask("squeue", "-h") and time.monotonic() < deadline:
            time.sleep(0.2)

    def cut_power(self, node):
        """End a node and everything that it runs, without a word to anybody."""
        slurmd = psutil.Process(int((self.folder / f"slurmd-{node}.pid").read_text()))
        marks = {"SLURMD_NODENAME": node, "SLURM_CONF": str(self.conf)}
        work = [p for p in psutil.process_iter() if carries_marks(p, marks)]
        steps = {p.parent() for p in work} - {None}
        steps = [step for step in steps if step.name().startswith("slurmstepd")]
        for process in (slurmd, *steps, *work):
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()

    def power_on(self, node):
        self.run("slurmd", "-N", node)
        self.wait_until_idle()

    def run(self, *command):
        with (self.folder / "started.log").open("a") as log:
            subprocess.run(
                command, env=self.environment, check=True, stdout=log, stderr=log, timeout=60
            )

    def ask(self, *command):
        done = subprocess.run(
            command, env=self.environment, capture_output=True, text=True, timeout=60
        )
        return done.stdout.strip()

    @property
    def environment(self):
        return {**os.environ, "SLURM_CONF": str(self.conf)}

    def stop(self):
        self.end_jobs()
        processes = []
        for name in ("slurmd-n1.pid", "slurmd-n2.pid", "slurmctld.pid", "munge/pid"):
            path = self.folder / name
            with contextlib.suppress(FileNotFoundError, psutil.NoSuchProcess):
                processes.append(psutil.Process(int(path.read_text())))
        for process in processes:
            process.terminate()
        psutil.wait_procs(processes, timeout=15)


def free_ports(n):
    """Return ports of loopback that nobody listens on, all different."""
    with contextlib.ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(n)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


def skip_without_slurm():
    missing = [name for name in PROGRAMS if shutil.which(name) is None]
    if os.geteuid() != 0:
        missing.append("root")
    if missing:
        needed = f"a real SLURM needs {', '.join(missing)}"
        if os.environ.get("LFADS_NB_REQUIRE_SLURM") == "1":
            pytest.fail(needed)
        pytest.skip(needed)
