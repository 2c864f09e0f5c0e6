"""The servers that are measured: each is started on one address of loopback, with one worker."""

import os
import shutil
import socket
import struct
import subprocess
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SERVER_CPU = 0
START_S = 10

ZONE = """$TTL 60
@ IN SOA ns1 hostmaster 1 7200 1800 259200 60
@ IN NS ns1
ns1 IN A 127.0.0.1
static IN A 192.0.2.11
static IN A 192.0.2.12
static IN A 192.0.2.13
"""

MERIDIAN = """[server]
listen = [{listen}]
udp_threads = 1
tcp_idle_timeout = "1h"
tcp_connections_max = {connections}
tcp_per_client_max = {connections}
[zone."example.com"]
file = "{folder}/example.com.zone"
responses = "minimal"
"""

KNOT = """server:
    rundir: "{folder}"
    listen: 127.0.0.1@{port}
    udp-workers: 1
    tcp-workers: 1
    background-workers: 1
    tcp-max-clients: {connections}
    tcp-idle-timeout: 3600
database:
    storage: "{folder}"
log:
  - target: stderr
    any: warning
zone:
  - domain: example.com
    storage: "{folder}"
    file: example.com.zone
    zonefile-sync: -1
    journal-content: none
"""

NSD = """server:
    server-count: 1
    ip-address: 127.0.0.1@{port}
    zonesdir: "{folder}"
    username: ""
    chroot: ""
    pidfile: "{folder}/pid"
    xfrdfile: "{folder}/xfrd"
    xfrdir: "{folder}"
    zonelistfile: "{folder}/zonelist"
    logfile: "{folder}/log"
    rrl-ratelimit: 0
    minimal-responses: yes
    tcp-count: {connections}
    tcp-timeout: 3600
remote-control:
    control-enable: no
zone:
    name: example.com
    zonefile: example.com.zone
"""


class Server:
    """A running server. `with` ends it. Only Meridian can be had on several ports, with a UDP worker for
    each."""

    def __init__(self, name, folder, ports=1, connections=1000, cpus=(SERVER_CPU,)):
        self.name = name
        self.ports = free_ports(ports)
        self.port = self.ports[0]
        folder = Path(tempfile.mkdtemp(prefix=name, dir=folder))
        # NSD and Knot may give up root.
        folder.chmod(0o755)
        (folder / "example.com.zone").write_text(ZONE)
        template, command = PEERS[name]
        listen = ", ".join(f'"127.0.0.1:{port}"' for port in self.ports)
        values = dict(folder=folder, port=self.port, listen=listen, connections=connections)
        config = folder / "config"
        config.write_text(template.format(**values))
        with open(folder / "output", "wb") as output:
            self.process = subprocess.Popen(
                [word.format(config=config, port=self.port) for word in command],
                stdout=output,
                stderr=output,
                preexec_fn=lambda: os.sched_setaffinity(0, cpus),
            )
        try:
            self.wait_until_it_answers(folder / "output")
        except BaseException:
            self.__exit__()
            raise

    def wait_until_it_answers(self, output):
        end = time.monotonic() + START_S
        while time.monotonic() < end and self.process.poll() is None:
            try:
                with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
                    client.settimeout(1)
                    client.connect(("127.0.0.1", self.port))
                    client.send(QUERY[2:])
                    if len(client.recv(512)) > 12:
                        return
            except OSError:
                pass
            time.sleep(0.05)
        raise RuntimeError(f"{self.name} does not answer: {output.read_text()[-1000:]}")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pids = self.pids()
        self.process.terminate()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            for pid in pids:
                os.kill(pid, 9)
            self.process.wait()

    def pids(self):
        """The server's processes: NSD has several."""
        pids = [self.process.pid]
        for pid in pids:
            for task in tasks(pid):
                try:
                    pids += map(int, (task / "children").read_text().split())
                except OSError:
                    pass
        return pids

    def cpu_ns(self):
        """CPU time of all threads of all processes, user and system, in nanoseconds."""
        total = 0
        for pid in self.pids():
            for task in tasks(pid):
                try:
                    total += int((task / "schedstat").read_text().split()[0])
                except OSError:
                    pass
        return total

    def pin_threads(self, prefix, cpus):
        """Gives each thread whose name begins with `prefix` a CPU of its own, in turn."""
        threads = [t for t in tasks(self.process.pid) if thread_name(t).startswith(prefix)]
        for place, task in enumerate(sorted(threads, key=thread_name)):
            os.sched_setaffinity(int(task.name), {cpus[place % len(cpus)]})

    def private_kb(self):
        """Memory that is the server's alone, in KiB."""
        total = 0
        for pid in self.pids():
            for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
                if line.startswith(("Private_Clean:", "Private_Dirty:")):
                    total += int(line.split()[1])
        return total


def tasks(pid):
    try:
        return sorted(Path(f"/proc/{pid}/task").iterdir())
    except OSError:
        return []


def thread_name(task):
    return (task / "comm").read_text().strip()


def message(name):
    """A query for `name`, type A, with its length in front (RFC 1035, 4.2.2)."""
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    query = struct.pack("!6H", 7, 0, 1, 0, 0, 0) + labels + b"\0" + struct.pack("!2H", 1, 1)
    return struct.pack("!H", len(query)) + query


QUERY = message("static.example.com")


def free_ports(count):
    probes = [socket.socket() for _ in range(count)]
    for probe in probes:
        probe.bind(("127.0.0.1", 0))
    ports = [probe.getsockname()[1] for probe in probes]
    for probe in probes:
        probe.close()
    return ports


def meridian():
    return os.environ.get("MERIDIAN", str(ROOT / "target/release/meridian"))


ECHO = str(ROOT / "target/release/examples/udp_echo")

# What each is configured with, and started with. The echo's answers are as long as the others'.
PEERS = {
    "echo": ("127.0.0.1:{port}", [ECHO, "127.0.0.1:{port}", "84"]),
    "meridian": (MERIDIAN, [meridian(), "serve", "--config", "{config}"]),
    "knot": (KNOT, ["knotd", "-c", "{config}"]),
    "nsd": (NSD, ["nsd", "-d", "-c", "{config}"]),
}


def installed(names):
    """Those of `names` that are on this machine."""
    path = os.environ["PATH"] + ":/usr/sbin"
    os.environ["PATH"] = path
    return [name for name in names if shutil.which(PEERS[name][1][0], path=path)]
