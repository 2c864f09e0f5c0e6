"""The load: dnsperf, pinned beside the server, or bursts. It is pointed at loopback only."""

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
LOAD_CPU = 1


class Figures:
    """What one run said, and what the server spent meanwhile."""

    def __init__(self, completed, lost, wrong, qps, cpu_ns):
        self.completed, self.lost, self.wrong, self.qps = completed, lost, wrong, qps
        self.cpu_us = cpu_ns / 1000 / max(completed, 1)

    @classmethod
    def of_dnsperf(cls, output, cpu_ns):
        completed = int(found(r"Queries completed:\s+(\d+)", output))
        lost = int(found(r"Queries lost:\s+(\d+)", output))
        qps = float(found(r"Queries per second:\s+([\d.]+)", output))
        codes = found(r"Response codes:\s+(.*)", output)
        noerror = re.search(r"NOERROR (\d+)", codes)
        wrong = completed - int(noerror.group(1) if noerror else 0)
        return cls(completed, lost, wrong, qps, cpu_ns)


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
        return Figures.of_dnsperf(output, server.cpu_ns() - before)


def measure_both(servers, ports, seconds, *options):
    """Loads two ports at a time, the first from CPU 1 and the second from CPU 0. The figures are those of
    all together, and the CPU time is that of all `servers`."""
    with tempfile.TemporaryDirectory() as folder:
        before = sum(server.cpu_ns() for server in servers)
        runs = [
            dnsperf(folder, port, seconds, *options, cpu=cpu) for port, cpu in zip(ports, (1, 0))
        ]
        figures = [Figures.of_dnsperf(run.communicate()[0], 0) for run in runs]
        spent = sum(server.cpu_ns() for server in servers) - before
    total = figures[0]
    for other in figures[1:]:
        total.completed += other.completed
        total.lost += other.lost
        total.wrong += other.wrong
        total.qps += other.qps
    total.cpu_us = spent / 1000 / max(total.completed, 1)
    return total


def measure_bursts(servers, ports, cpus, seconds, rate):
    """Loads the ports with bursts, `rate` queries per second in all, from each of the CPUs alike."""
    before = sum(server.cpu_ns() for server in servers)
    # Each begins at another port.
    orders = [ports[i % len(ports) :] + ports[: i % len(ports)] for i in range(len(cpus))]
    runs = [bursts(order, cpu, seconds, rate / len(cpus)) for order, cpu in zip(orders, cpus)]
    counts = [list(map(int, run.communicate()[0].split())) for run in runs]
    spent = sum(server.cpu_ns() for server in servers) - before
    answered, lost = map(sum, zip(*counts))
    return Figures(answered, lost, 0, answered / seconds, spent)


def bursts(ports, cpu, seconds, rate):
    command = [sys.executable, str(HERE / "bursts.py"), seconds, rate, *ports]
    return subprocess.Popen(
        list(map(str, command)),
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: os.sched_setaffinity(0, {cpu}),
    )
