#!/usr/bin/env python3
"""Compares Meridian with other nameservers on this machine: docs/speed.md says how, and what it means.

Builds nothing: first run `cargo build --release` and `cargo build --release --examples`.
"""

import argparse
import json
import os
import platform
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from datetime import datetime
from pathlib import Path

sys.dont_write_bytecode = True  # Nothing is left beside the sources.
import figures
import peers

HERE = Path(__file__).resolve().parent
# Names and options of `meridian bench`.
WORKLOADS = {
    "static": ["static.example.com"],
    "nxdomain": ["x{000000..019999}.example.com"],
    "geo": ["www.example.net", "--source-network", "0.0.0.0/0"],
    "geo-subnet": ["www.example.net", "--subnets", "60000"],
    "names": ["n{000000..%06d}.example.com"],
}
# A run in which others had more of the server's CPU is made again, at most so often.
OTHERS_PERCENT_MAX = 5.0
TRIES = 3
START_SECONDS_MAX = 180
# Longer than any run that is asked for, with its check of answers.
RUN_SECONDS_MAX = 1800


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    add = parser.add_argument
    add("--rounds", type=int, default=7, help="every round visits every server (%(default)s)")
    add("--seconds", type=float, default=10, help="of each measured run (%(default)s)")
    add("--servers", help="only these, with commas: echo,meridian,gdnsd,knot,nsd,bind")
    add("--workloads", default=",".join(WORKLOADS), help="only these (%(default)s)")
    add("--flaps", type=int, metavar="N",
        help="compare Meridian with itself while N verdicts change a second, instead")
    add("--tcp", action="store_true", help="over TCP, 16 connections with many queries each under way")
    add("--base", help="what ratios are to (gdnsd, or Meridian without flaps)")
    add("--names", type=int, default=100_000, help="names in example.com (%(default)s)")
    add("--networks", type=int, default=300_000, help="IPv4 networks in the database (%(default)s)")
    add("--database", help="another database, with continents")
    add("--server-cpu", type=int, default=0)
    add("--load-cpu", type=int, default=1)
    add("--programs", default=HERE.parent.parent / "target/release", help="(%(default)s)")
    add("--check", type=int, default=500, metavar="N",
        help="answers of Meridian's, each workload, compared with explain first (%(default)s)")
    add("--seed", type=int, help="makes subnets, names and the order of servers repeatable")
    add("--save", metavar="FILE", help="adds all runs to a file, as JSON, one on each line")
    add("--table", metavar="FILE", help="prints the table of saved runs, and measures nothing")
    add("--keep", metavar="FOLDER", help="where to write configurations and logs, and to leave them")
    return parser.parse_args()


def own_network():
    """Starts this program again in a network namespace that has nothing but a loopback interface, on
    which every IPv4 address is this machine's: clients can be anywhere, and nothing leaves."""
    if os.environ.get("MERIDIAN_COMPARE") == "inside":
        subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
        subprocess.run(["ip", "route", "add", "local", "0.0.0.0/0", "dev", "lo"], check=True)
        return
    os.environ["MERIDIAN_COMPARE"] = "inside"
    user = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
    command = ["unshare", *user, "--net", sys.executable, *sys.argv]
    os.execvp(command[0], command)


class Bench:
    def __init__(self, options, lab):
        self.options = options
        self.lab = lab
        self.program = str(Path(options.programs) / "meridian")
        self.started = datetime.now().isoformat(timespec="seconds")

    def load(self, peer, workload, *more):
        """Runs `meridian bench`; its report, or None if the server did not answer."""
        name, *how = WORKLOADS[workload]
        if workload == "names":
            name %= self.options.names - 1
        command = [self.program, "bench", name, *how, "--server", f"127.0.0.1:{peer.port}", "--json",
                   "--cpu", str(self.options.load_cpu), *map(str, more)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=RUN_SECONDS_MAX)
        if not done.stdout:
            sys.exit(f"{' '.join(command)}\n{done.stderr}")
        return json.loads(done.stdout)

    def is_ready(self, peer):
        bounds = ["--max-queries", 1, "--sources", 1, "--warmup", "0s", "--timeout", "50ms"]
        return self.load(peer, "static", *bounds)["answered"] == 1

    def measure(self, peer, workload, number):
        seconds = f"{round(self.options.seconds * 1000)}ms"
        how = ["--duration", seconds, "--seed", self.options.seed + number,
               "--server-cpu", self.options.server_cpu, *(["--tcp"] if self.options.tcp else [])]
        for tries in range(1, TRIES + 1):
            report = self.load(peer, workload, *how)
            if report["answered"] == 0:
                sys.exit(f"{peer.name} answers nothing of {workload}")
            if report["server"] is None:
                sys.exit(f"{peer.name}: whose socket it is cannot be seen; be the same user, or root")
            others = report["server"]["others_percent"]
            if others <= OTHERS_PERCENT_MAX:
                break
            tell(f"{peer.name} {workload}: others had {others:.1f} % of its CPU, try {tries} of {TRIES}")
        # Rounds of another start of this program are others, however they are numbered.
        return report | {
            "peer": peer.name, "version": peer.version(), "workload": workload,
            "round": f"{self.started} {number}", "machine": machine(),
            "over": "TCP" if self.options.tcp else "UDP",
            "names": self.options.names, "database": self.lab.database.name,
        }

    def check(self, peer, workload):
        """Compares some of Meridian's answers with its explain, among far more than are compared."""
        report = self.load(peer, workload, "--duration", "1s", "--check", self.options.check,
                           "--config", peer.home / "meridian.toml")
        check = report["check"]
        tell(f"{peer.name} {workload}: {check['compared']} answers compared with explain, "
             f"{check['mismatches']} differ")
        if check["mismatches"] or check["compared"] < self.options.check:
            sys.exit("\n".join(check["shown"]) or "there were too few answers to compare")


class Running:
    """A server on its CPU, from `with` to its end."""

    def __init__(self, peer, bench):
        self.peer, self.bench = peer, bench

    def __enter__(self):
        cpu = str(self.bench.options.server_cpu)
        command = ["taskset", "-c", cpu, *self.peer.command()]
        self.log = open(self.peer.home / "log.txt", "ab")
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=self.log,
                                        stderr=self.log, start_new_session=True)
        end = time.monotonic() + START_SECONDS_MAX
        while not self.bench.is_ready(self.peer):
            if self.process.poll() is not None or time.monotonic() > end:
                log = Path(self.log.name).read_text(errors="replace").splitlines()
                self.stop()
                sys.exit(f"{self.peer.name} did not start: {' '.join(command)}\n" + "\n".join(log[-10:]))
            time.sleep(0.05)
        time.sleep(0.3)
        return self.peer

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        """The whole session that was started for it, and nothing else."""
        for word in (signal.SIGTERM, signal.SIGKILL):
            try:
                os.killpg(self.process.pid, word)
                self.process.wait(10)
            except ProcessLookupError:
                break
            except subprocess.TimeoutExpired:
                continue
        self.log.close()


def tell(text):
    print(text, file=sys.stderr, flush=True)


def chosen(options, lab):
    """The servers to compare, with what ratios are to."""
    if options.flaps:
        kinds = [type("Still", (peers.Flapping,), {}),
                 type("Waking", (peers.Flapping,), {"rate": options.flaps, "flips": False}),
                 type("Flapping", (peers.Flapping,), {"rate": options.flaps})]
    else:
        wanted = options.servers and options.servers.split(",")
        kinds = [k for k in peers.KINDS if wanted is None or k.__name__.lower() in wanted]
        if options.tcp:
            kinds = [kind for kind in kinds if kind is not peers.Echo]
    found = [kind(lab, 5301 + i) for i, kind in enumerate(kinds)]
    for peer in found:
        if peer.path() is None:
            tell(f"{peer.name}: {peer.program} was not found, and is left out")
    return [peer for peer in found if peer.path()]


def database(options, folder):
    if options.database:
        return Path(options.database).resolve()
    path = Path(folder) / f"synthetic-{options.networks}.mmdb"
    program = Path(options.programs) / "meridian"
    size = ["--ipv4-networks", options.networks, "--ipv6-networks", options.networks // 15]
    made = subprocess.run([program, "geoip", "synth", "-o", path, *map(str, size)], capture_output=True, text=True)
    if made.returncode:
        sys.exit(made.stderr)
    tell(made.stdout.strip().replace(str(path), "database"))
    return path


def compare(options, folder):
    lab = peers.Lab(folder, options.programs, database(options, folder), options.names)
    bench = Bench(options, lab)
    servers = chosen(options, lab)
    workloads = [w for w in WORKLOADS if w in options.workloads.split(",")]
    order = random.Random(options.seed)
    runs = []
    for number in range(1, options.rounds + 1):
        order.shuffle(servers)
        for peer in servers:
            with Running(peer, bench):
                for workload in [w for w in workloads if w in peer.serves]:
                    if number == 1 and options.check and peer.program == "meridian":
                        bench.check(peer, workload)
                    runs.append(bench.measure(peer, workload, number))
                    told(runs[-1], options.save)
    print(figures.report(runs, list(WORKLOADS), options.base))
    if any(figures.wrong(run) for run in runs):
        sys.exit("some answers were wrong")


def told(run, save):
    tell(f"round {run['round']} {run['peer']} {run['workload']}: {figures.cost(run):.3f} us, "
         f"{figures.speed(run):.0f} per second, lost {run['lost']}, wrong {figures.wrong(run)}, "
         f"others {run['server']['others_percent']:.1f} %, generator busy {run['generator_busy_percent']:.0f} %")
    if save:
        with open(save, "a") as file:
            file.write(json.dumps(run) + "\n")


def machine():
    models = [line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")]
    return f"{models[0] if models else platform.machine()}, {os.cpu_count()} CPUs, Linux {platform.release()}"


def main():
    options = arguments()
    for tool in ("unshare", "ip", "taskset"):
        if shutil.which(tool) is None:
            sys.exit(f"{tool} is needed (util-linux, iproute2)")
    if unknown := set(options.workloads.split(",")) - set(WORKLOADS):
        sys.exit(f"no such workload: {', '.join(sorted(unknown))}")
    if options.table:
        with open(options.table) as file:
            return print(figures.report([json.loads(line) for line in file], list(WORKLOADS), options.base))
    if options.seed is None:
        options.seed = random.randrange(2**32)
    own_network()
    if options.keep:
        Path(options.keep).mkdir(parents=True, exist_ok=True)
        return compare(options, Path(options.keep).resolve())
    with tempfile.TemporaryDirectory(prefix="meridian-compare-") as folder:
        compare(options, folder)


if __name__ == "__main__":
    main()
