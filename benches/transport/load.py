"""The load: dnsperf, pinned beside the server. It is pointed at loopback only."""

import os
import re
import subprocess
import tempfile
from pathlib import Path

LOAD_CPU = 1


class Figures:
    """What one run of dnsperf said, and what the server spent meanwhile."""

    def __init__(self, output, cpu_ns):
        self.completed = int(found(r"Queries completed:\s+(\d+)", output))
        self.lost = int(found(r"Queries lost:\s+(\d+)", output))
        self.qps = float(found(r"Queries per second:\s+([\d.]+)", output))
        codes = found(r"Response codes:\s+(.*)", output)
        noerror = re.search(r"NOERROR (\d+)", codes)
        self.wrong = self.completed - int(noerror.group(1) if noerror else 0)
        self.cpu_us = cpu_ns / 1000 / max(self.completed, 1)


def found(pattern, output):
    match = re.search(pattern, output)
    if match is None:
        raise RuntimeError(f"dnsperf says no {pattern!r}:\n{output}")
    return match.group(1)


def questions(folder):
    """A file of questions for dnsperf."""
    path = Path(folder) / "questions"
    path.write_text("static.example.com A\n" * 1000)
    return path


def dnsperf(folder, port, seconds, *options, cpu=LOAD_CPU):
    """Starts dnsperf on one CPU."""
    command = ["dnsperf", "-s", "127.0.0.1", "-p", str(port), "-d", str(questions(folder))]
    command += ["-l", str(seconds), "-t", "2", *map(str, options)]
    return subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        preexec_fn=lambda: os.sched_setaffinity(0, {cpu}),
    )


def measure(server, seconds, *options):
    """Loads `server` for so many seconds; its CPU time is read before and after."""
    with tempfile.TemporaryDirectory() as folder:
        before = server.cpu_ns()
        output, _ = dnsperf(folder, server.port, seconds, *options).communicate()
        return Figures(output, server.cpu_ns() - before)


def measure_both(servers, ports, seconds, *options):
    """Loads two ports at a time, the first from CPU 1 and the second from CPU 0. The figures are those of
    all together, and the CPU time is that of all `servers`."""
    with tempfile.TemporaryDirectory() as folder:
        before = sum(server.cpu_ns() for server in servers)
        runs = [
            dnsperf(folder, port, seconds, *options, cpu=cpu) for port, cpu in zip(ports, (1, 0))
        ]
        figures = [Figures(run.communicate()[0], 0) for run in runs]
        spent = sum(server.cpu_ns() for server in servers) - before
    total = figures[0]
    for other in figures[1:]:
        total.completed += other.completed
        total.lost += other.lost
        total.wrong += other.wrong
        total.qps += other.qps
    total.cpu_us = spent / 1000 / max(total.completed, 1)
    return total
