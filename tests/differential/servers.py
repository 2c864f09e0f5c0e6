"""The servers under comparison: their configurations, processes and sockets."""

import os
import shutil
import socket
import struct
import subprocess
import time
from pathlib import Path

from questions import PAYLOAD_MAX

TIMEOUT = 3


def files(folder, zones):
    """The zones as files; one name each that no shell, file system or configuration minds."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for number, zone in enumerate(zones):
        path = folder / f"{number}.zone"
        path.write_text(zone.text)
        paths.append((zone.apex.to_text(), path))
    return paths


def escaped(name):
    return name.replace("\\", "\\\\").replace('"', '\\"')


def meridian(folder, address, port, zones):
    tables = "".join(f'[zone."{escaped(apex)}"]\nfile = "{path}"\n' for apex, path in zones)
    config = folder / "meridian.toml"
    config.write_text(f'[server]\nlisten = ["{address}:{port}"]\nudp_payload_max = {PAYLOAD_MAX}\n{tables}')
    program = os.environ.get("MERIDIAN", "target/debug/meridian")
    return [program, "serve", "--config", str(config)]


def nsd(folder, address, port, zones):
    tables = "".join(f'zone:\n  name: "{apex}"\n  zonefile: "{path}"\n' for apex, path in zones)
    config = folder / "nsd.conf"
    config.write_text(
        f"""server:
  ip-address: {address}@{port}
  server-count: 1
  zonesdir: "{folder}"
  database: ""
  zonelistfile: "{folder}/nsd.zonelist"
  xfrdfile: "{folder}/nsd.xfrd"
  xfrdir: "{folder}"
  pidfile: ""
  username: ""
  ipv4-edns-size: {PAYLOAD_MAX}
  minimal-responses: no
  refuse-any: no
  rrl-ratelimit: 0
remote-control:
  control-enable: no
{tables}"""
    )
    return ["nsd", "-d", "-c", str(config)]


def knot(folder, address, port, zones):
    tables = "".join(f'  - domain: "{apex}"\n    file: "{path}"\n' for apex, path in zones)
    config = folder / "knot.conf"
    config.write_text(
        f"""server:
  rundir: "{folder}"
  listen: {address}@{port}
  udp-max-payload: {PAYLOAD_MAX}
  udp-workers: 1
  tcp-workers: 1
  background-workers: 1
  automatic-acl: off
database:
  storage: "{folder}/knot"
template:
  - id: default
    storage: "{folder}"
    zonefile-sync: -1
    journal-content: none
    semantic-checks: off
zone:
{tables}"""
    )
    return ["knotd", "-c", str(config)]


def bind(folder, address, port, zones):
    tables = "".join(f'zone "{apex}" {{ type primary; file "{path}"; check-names ignore; }};\n' for apex, path in zones)
    config = folder / "named.conf"
    config.write_text(
        f"""options {{
  directory "{folder}";
  listen-on port {port} {{ {address}; }};
  listen-on-v6 {{ none; }};
  pid-file none;
  session-keyfile "{folder}/session.key";
  recursion no;
  notify no;
  dnssec-validation no;
  max-udp-size {PAYLOAD_MAX};
  edns-udp-size {PAYLOAD_MAX};
  minimal-responses no;
  check-integrity no;
  empty-zones-enable no;
}};
controls {{}};
{tables}"""
    )
    return ["named", "-g", "-c", str(config), "-n", "1"]


# What is compared, by its own address, so that all listen at one port.
ADDRESSES = {meridian: "127.0.0.1", nsd: "127.0.0.2", knot: "127.0.0.3", bind: "127.0.0.4"}


class Server:
    """A running server, with a UDP and a TCP socket to it."""

    def __init__(self, configure, folder, port, zones):
        self.name = configure.__name__
        self.where = (ADDRESSES[configure], port)
        folder = folder / self.name
        paths = files(folder / "zones", zones)
        command = configure(folder, *self.where, paths)
        if configure is not meridian:
            command[0] = copied(command[0], folder)
        self.log = folder / "log"
        environment = dict(os.environ, XDG_RUNTIME_DIR=str(folder))
        with self.log.open("w") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log, env=environment)
        self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.udp.connect(self.where)
        self.udp.settimeout(TIMEOUT)
        self.tcp = None

    def wait_for(self, query):
        """Until it answers `query`, for a zone's SOA, with authority."""
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                reply = self.ask_tcp(query)
                if reply[2] & 4 and reply[3] & 15 == 0 and reply[7] == 1:
                    return
            except OSError:
                self.hang_up()
            time.sleep(0.1)
        raise RuntimeError(f"{self.name} does not answer {query.hex()}:\n{self.log.read_text()[-3000:]}")

    def ask(self, query, is_tcp):
        """The answer's octets. A datagram may get lost, and a connection may have been idle too long."""
        for _ in range(2):
            try:
                return self.ask_tcp(query) if is_tcp else self.ask_udp(query)
            except OSError:
                self.hang_up()
        raise RuntimeError(f"{self.name} does not answer {query.hex()}:\n{self.log.read_text()[-3000:]}")

    def ask_udp(self, query):
        self.udp.send(query)
        while True:
            reply = self.udp.recv(65535)
            if reply[:2] == query[:2]:
                return reply

    def ask_tcp(self, query, length=None):
        """The first answer to `query`; its first `length` octets are a message, if others follow it."""
        if self.tcp is None:
            self.tcp = socket.create_connection(self.where, TIMEOUT)
            self.tcp.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.tcp.sendall(struct.pack("!H", len(query) if length is None else length) + query)
        (length,) = struct.unpack("!H", self.exactly(2))
        return self.exactly(length)

    def exactly(self, length):
        octets = b""
        while len(octets) < length:
            more = self.tcp.recv(length - len(octets))
            if not more:
                raise ConnectionError("closed")
            octets += more
        return octets

    def hang_up(self):
        if self.tcp is not None:
            self.tcp.close()
            self.tcp = None

    def runs(self):
        return self.process.poll() is None

    def stop(self):
        self.process.kill()
        self.process.wait()
        self.hang_up()
        self.udp.close()


def copied(program, folder):
    """Some systems confine a packaged program to its own folders, by its path."""
    return shutil.copy(shutil.which(program, path=os.environ["PATH"] + ":/usr/sbin"), folder)
