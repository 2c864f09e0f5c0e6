"""The servers that are compared: how each is configured and started, with one worker.

All serve the same: `example.com` with `static` (three addresses) and as many other names as asked for,
and, where they can steer, `www.example.net`, by the continent that the database gives the client.
"""

import os
import re
import shutil
import subprocess
from pathlib import Path

STATIC = ["192.0.2.11", "192.0.2.12", "192.0.2.13"]
# Continents, and three endpoints with their weights.
REGIONS = {
    "eu": (["EU", "AF"], {"192.0.2.21": 5, "192.0.2.22": 3, "192.0.2.23": 2}),
    "us": (["NA", "SA"], {"192.0.2.31": 5, "192.0.2.32": 3, "192.0.2.33": 2}),
    "ap": (["AS", "OC"], {"192.0.2.41": 5, "192.0.2.42": 3, "192.0.2.43": 2}),
}
PLAIN = {"static", "names", "nxdomain"}
STEERED = {"geo", "geo-subnet"}


def example_com(names):
    lines = ["$TTL 60", "@ SOA ns1 hostmaster 1 7200 1800 259200 60", "@ NS ns1", "ns1 A 127.0.0.1"]
    lines += [f"static A {address}" for address in STATIC]
    lines += [f"n{i:06} A 198.51.{i // 256 % 256}.{i % 256}" for i in range(names)]
    return "\n".join(lines) + "\n"


EXAMPLE_NET = "$TTL 30\n@ SOA ns1 hostmaster 1 7200 1800 259200 60\n@ NS ns1\nns1 A 127.0.0.1\n"


class Lab:
    """What all servers share: a folder, the zones and the database in it, and the programs built here."""

    def __init__(self, folder, programs, database, names):
        self.folder = Path(folder)
        self.programs = Path(programs)
        self.database = database
        self.write("example.com.zone", example_com(names))
        self.write("example.net.zone", EXAMPLE_NET)

    def write(self, name, text):
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path


class Peer:
    """One server. `port` is on 127.0.0.1; `serves` are the workloads that it has answers for."""

    serves = PLAIN
    program = ""

    def __init__(self, lab, port):
        self.lab = lab
        self.port = port
        self.home = lab.folder / self.name
        self.home.mkdir(exist_ok=True)

    @property
    def name(self):
        return type(self).__name__.lower()

    def path(self):
        return shutil.which(self.program, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")

    def version(self):
        return ""

    def _said(self, *arguments):
        said = subprocess.run([self.path(), *arguments], capture_output=True, text=True)
        found = re.search(r"\d+\.\d+[.\d]*", said.stdout + said.stderr)
        return found.group() if found else "?"

    def write(self, name, text):
        return self.lab.write(f"{self.name}/{name}", text)

    def command(self):
        """Writes the configuration; what to run."""
        raise NotImplementedError


class Echo(Peer):
    """The floor: sends back what it gets, as long as a static answer."""

    serves = {"static"}
    program = "examples/udp_echo"

    def path(self):
        path = self.lab.programs / self.program
        return str(path) if path.exists() else None

    def command(self):
        return [self.path(), f"127.0.0.1:{self.port}", "106"]


class Meridian(Peer):
    serves = PLAIN | STEERED
    program = "meridian"
    path = Echo.path

    def version(self):
        return self._said("--version")

    def config(self):
        text = f"""
[server]
listen      = ["127.0.0.1:{self.port}"]
udp_threads = 1
state_dir   = "{self.home}/state"
[geoip]
databases = "{self.lab.database}"
[monitor.web]
tcp  = true
port = 80
[policy.world]
geo = [{", ".join(f'"web-{region}"' for region in REGIONS)}]
[zone."example.com"]
file = "{self.lab.folder}/example.com.zone"
[zone."example.net"]
file     = "{self.lab.folder}/example.net.zone"
balanced = {{ www = {{ policy = "world", answers = 1, ttl = "30s" }} }}
"""
        locations = {"eu": "[50.11, 8.68]", "us": "[39.04, -77.49]", "ap": "[1.35, 103.82]"}
        for region, (continents, endpoints) in REGIONS.items():
            serves = ", ".join(f'"continent:{continent}"' for continent in continents)
            listed = ", ".join(f'{{ address = "{a}", weight = {w} }}' for a, w in endpoints.items())
            text += f"""
[region.{region}]
location = {locations[region]}
serves   = [{serves}]
[pool.web-{region}]
region    = "{region}"
monitor   = "web"
endpoints = [{listed}]
"""
        return self.write("meridian.toml", text)

    def command(self):
        # Nothing is probed: all endpoints are up, as the other servers take theirs to be.
        pools = [f'"web-{region}" = "up"' for region in REGIONS]
        verdicts = self.write("verdicts.toml", "\n".join(pools) + "\n")
        return [self.path(), "serve", "--config", str(self.config()), "--frozen-health", str(verdicts)]


class Flapping(Meridian):
    """Meridian, with verdicts that change so many times a second; or with a thread that only wakes up as
    often, for what that costs depends on the machine."""

    program = "examples/flapping"
    rate = 0
    flips = True

    @property
    def name(self):
        return f"{'flapping' if self.flips else 'waking'}-{self.rate}"

    def version(self):
        return ""

    def command(self):
        config = str(self.config())
        first = [f"web-{region}/{next(iter(e))}" for region, (_, e) in REGIONS.items()]
        second = [f"web-{region}/{list(e)[1]}" for region, (_, e) in REGIONS.items()]
        return [self.path(), config, str(self.rate), *(first + second if self.flips else [])]


class Gdnsd(Peer):
    serves = PLAIN | STEERED
    program = "gdnsd"

    def version(self):
        return self._said("-h")

    def command(self):
        weighted = ""
        for region, (_, endpoints) in REGIONS.items():
            listed = [f"e{i} = [ {a}, {w} ]" for i, (a, w) in enumerate(endpoints.items())]
            weighted += f"    {region} => {{ {', '.join(listed)} }}\n"
        order = {"eu": "eu, us, ap", "us": "us, eu, ap", "ap": "ap, us, eu"}
        continents = [
            f"{c} => [ {order[r]} ]" for r, (continents, _) in REGIONS.items() for c in continents
        ]
        centres = ", ".join(f"{region} => %weighted!{region}" for region in REGIONS)
        self.write("config", f"""
options => {{
  listen => {{ 127.0.0.1:{self.port} => {{ udp_threads = 1, tcp_threads = 1 }} }}
  run_dir = {self.home}/run, state_dir = {self.home}/state, zones_rfc1035_threads = 1
}}
plugins => {{
  weighted => {{ multi = false
{weighted}  }}
  geoip => {{
    maps => {{ world => {{ geoip2_db => {self.lab.database}, datacenters => [ eu, us, ap ]
      map => {{ {", ".join(continents)} }} }} }}
    resources => {{ www => {{ map => world, dcmap => {{ {centres} }} }} }}
  }}
}}
""")
        for folder in ("run", "state", "zones"):
            (self.home / folder).mkdir(exist_ok=True)
        shutil.copy(self.lab.folder / "example.com.zone", self.home / "zones/example.com")
        self.write("zones/example.net", EXAMPLE_NET + "www DYNA geoip!www\n")
        return [self.path(), "-c", str(self.home), "start"]


class Knot(Peer):
    """Steers if its geoip module is there, which some distributions have in a package of its own."""

    program = "knotd"

    def __init__(self, lab, port):
        super().__init__(lab, port)
        if self.path():
            self.config(steers=True)
            test = [self.path()[:-1] + "c", "-c", str(self.home / "knot.conf"), "conf-check"]
            if subprocess.run(test, capture_output=True).returncode == 0:
                self.serves = PLAIN | STEERED

    def version(self):
        return self._said("--version")

    def command(self):
        return [self.path(), "-c", str(self.config(steers=STEERED <= self.serves))]

    def config(self, steers):
        answers = ""
        for continents, endpoints in REGIONS.values():
            for continent in continents:
                answers += f'  - geo: "{continent}"\n    A: [ {", ".join(endpoints)} ]\n'
        geo = self.write("geo.conf", f"www.example.net:\n{answers}")
        zone = EXAMPLE_NET + "".join(f"www A {address}\n" for address in REGIONS["eu"][1])
        net = self.write("example.net.zone", zone)
        geoip = f"""
mod-geoip:
  - id: world
    config-file: "{geo}"
    ttl: 30
    mode: geodb
    geodb-file: "{self.lab.database}"
    geodb-key: [ continent/code ]
"""
        module = "module: mod-geoip/world"
        if not steers:
            geoip = module = ""
        (self.home / "db").mkdir(exist_ok=True)
        return self.write("knot.conf", f"""
server:
    rundir: "{self.home}"
    listen: 127.0.0.1@{self.port}
    udp-workers: 1
    tcp-workers: 1
    background-workers: 1
    edns-client-subnet: on
database:
    storage: "{self.home}/db"
log:
  - target: stderr
    any: warning
{geoip}
template:
  - id: default
    storage: "{self.lab.folder}"
    semantic-checks: off
    zonefile-sync: -1
    journal-content: none
zone:
  - domain: example.com
    file: "example.com.zone"
  - domain: example.net
    file: "{net}"
    {module}
""")


class Nsd(Peer):
    program = "nsd"

    def version(self):
        return self._said("-v")

    def command(self):
        config = self.write("nsd.conf", f"""
server:
    server-count: 1
    ip-address: 127.0.0.1@{self.port}
    zonesdir: "{self.lab.folder}"
    database: ""
    username: ""
    chroot: ""
    pidfile: "{self.home}/pid"
    xfrdfile: "{self.home}/xfrd.state"
    xfrdir: "{self.home}"
    zonelistfile: "{self.home}/zones.list"
    logfile: "{self.home}/log"
    minimal-responses: yes
    rrl-ratelimit: 0
    reuseport: no
remote-control:
    control-enable: no
zone:
    name: example.com
    zonefile: example.com.zone
""")
        return [self.path(), "-d", "-c", str(config)]


class Bind(Peer):
    program = "named"

    def version(self):
        return self._said("-v")

    def command(self):
        config = self.write("named.conf", f"""
options {{
  directory "{self.home}"; pid-file "{self.home}/pid"; session-keyfile "{self.home}/key";
  managed-keys-directory "{self.home}"; listen-on port {self.port} {{ 127.0.0.1; }}; listen-on-v6 {{ none; }};
  recursion no; dnssec-validation no; minimal-responses yes; notify no;
}};
controls {{ }};
logging {{ category default {{ null; }}; }};
zone "example.com" {{ type primary; file "{self.lab.folder}/example.com.zone"; }};
""")
        return [self.path(), "-g", "-n", "1", "-U", "1", "-c", str(config)]


KINDS = [Echo, Meridian, Gdnsd, Knot, Nsd, Bind]
