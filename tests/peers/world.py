"""The peers, their certificates, and Meridian, which probes them."""

import json
import os
import re
import signal
import subprocess
import time
from pathlib import Path

SUITE, WORK = Path(os.environ["SUITE"]), Path(os.environ["WORK"])
MERIDIAN = os.environ["MERIDIAN"]
# Where peers are, and where others are that are broken. All of 127.0.0.0/8 is this machine's.
HERE, BROKEN, SERVER = "127.0.0.11", "127.0.0.12", "127.0.0.53"
DNS_PORT = 5300

passed, failed = 0, 0


def check(what, mistake):
    """Says what came of a check: `mistake` is empty where it is right."""
    global passed, failed
    if mistake:
        failed += 1
        print(f"FAIL {what}\n       {mistake}", flush=True)
    else:
        passed += 1
        print(f"ok   {what}", flush=True)


def eventually(look, seconds=20):
    """The mistake that `look` finds, once there is none, or the time is over. (It says "it works", not "it is fast".)"""
    end = time.monotonic() + seconds
    while (mistake := look()) and time.monotonic() < end:
        time.sleep(0.2)
    return mistake


def run(*words, **options):
    """What a command says; it must succeed."""
    done = subprocess.run(words, capture_output=True, text=True, timeout=20, **options)
    if done.returncode != 0:
        raise RuntimeError(f"{words}: {done.stdout}{done.stderr}")
    return done.stdout


class Process:
    """One in the background, with its children a group of its own; what it says goes to WORK/NAME.log."""

    all = []

    def __init__(self, name, *words, **options):
        self.name = name
        with open(WORK / f"{name}.log", "a") as log:
            self.process = subprocess.Popen(
                words, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, **options
            )
        Process.all.append(self)

    def send(self, number):
        os.killpg(self.process.pid, number)

    def end(self):
        self.send(signal.SIGKILL)
        self.process.wait()
        Process.all.remove(self)

    def has_ended(self):
        return self.process.poll() is not None


# --- certificates ------------------------------------------------------------------------------


def certificates():
    """ca.pem, and for each name NAME.pem (certificate and key)."""
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    issued_by = ["-CA", WORK / "ca.pem", "-CAkey", WORK / "ca.key"]
    new = ["openssl", "req", "-x509", *key]
    run(*new, "-subj", "/CN=tests", "-days", "30", "-keyout", WORK / "ca.key", "-out", WORK / "ca.pem")
    for name, of, days in [("good", "peer.example", 20), ("soon", "peer.example", 3), ("other", "other.example", 20)]:
        run(*new, "-subj", f"/CN={of}", "-addext", f"subjectAltName=DNS:{of}", "-addext", "basicConstraints=CA:FALSE",
            *issued_by, "-days", str(days), "-keyout", WORK / f"{name}.key", "-out", WORK / f"{name}.pem")
    # `openssl x509` knows ends in the past, `openssl req` does not.
    run("openssl", "req", "-new", *key, "-subj", "/CN=peer.example", "-addext", "subjectAltName=DNS:peer.example",
        "-keyout", WORK / "expired.key", "-out", WORK / "expired.csr")
    run("openssl", "x509", "-req", "-in", WORK / "expired.csr", *issued_by, "-days", "-1", "-copy_extensions", "copy",
        "-out", WORK / "expired.pem")


# --- peers -------------------------------------------------------------------------------------


def from_template(name):
    text = (SUITE / name).read_text()
    for mark, value in [("@WORK@", WORK), ("@HERE@", HERE), ("@BROKEN@", BROKEN)]:
        text = text.replace(mark, str(value))
    (WORK / name).write_text(text)
    return WORK / name


def start_peers():
    """Those that can be stopped and killed together."""
    redis = ["redis-server", "--bind", HERE, "--protected-mode", "no", "--save", "", "--dir", WORK]
    return [
        Process("nginx", "nginx", "-p", WORK, "-c", from_template("nginx.conf")),
        Process("redis", *redis, "--port", "6379"),
        Process("redis-locked", *redis, "--port", "6380", "--requirepass", "secret"),
        Process("grpc", "/usr/bin/python3", "-B", SUITE / "grpc_server.py", HERE, WORK),
        Process("nsd", "nsd", "-d", "-c", from_template("nsd.conf")),
        Process("echo", "socat", f"UDP-RECVFROM:7007,bind={HERE},fork", "PIPE"),
        Process("closing", "socat", f"TCP-LISTEN:7008,bind={HERE},fork,reuseaddr", "EXEC:true"),
    ]


# --- Meridian ----------------------------------------------------------------------------------


class Meridian:
    """The server, of a configuration of these cases, and what it says of each."""

    def __init__(self, name, cases, more=""):
        self.config = WORK / f"{name}.toml"
        text = f'[server]\nlisten = ["{SERVER}:{DNS_PORT}"]\nstate_dir = "{WORK}/{name}"\n[region.eu]\n'
        text += f'[zone.test]\nfile = "{WORK}/test.zone"\n[zone.test.balanced]\n'
        text += "".join(f'{case.name} = {{ policy = "of-{case.name}" }}\n' for case in cases)
        for case in cases:
            pace = "" if "interval" in case.monitor else 'interval = "500ms"\ntimeout = "400ms"\n'
            endpoints = ", ".join(f'"{address}"' for address in case.endpoints)
            text += f"[monitor.{case.name}]\n{case.monitor}\n{pace}rise = 1\nfall = 2\n"
            text += f'[pool.{case.name}]\nregion = "eu"\nmonitor = "{case.name}"\nendpoints = [{endpoints}]\n'
            text += f'[policy.of-{case.name}]\nfailover = ["{case.name}"]\n'
        self.config.write_text(text + more)
        zone = "$TTL 60\n@ SOA ns1 a 1 1 1 1 1\n@ NS ns1\nns1 A 192.0.2.1\n"
        (WORK / "test.zone").write_text(zone)
        ready = WORK / f"{name}.ready"
        environment = {**os.environ, "XDG_RUNTIME_DIR": str(WORK)}
        words = [MERIDIAN, "serve", "--config", self.config, "--ready-file", ready, "--log", "json"]
        self.process = Process(name, *words, env=environment)
        self.log = WORK / f"{name}.log"
        eventually(lambda: "" if ready.exists() or self.process.has_ended() else "not ready")
        if not ready.exists():
            raise RuntimeError(self.log.read_text()[-2000:])

    def targets(self):
        report = json.loads(run(MERIDIAN, "health", "--json", "--config", self.config))
        return {target["used_by"][0]["pool"]: target for target in report["targets"]}

    def checked(self):
        """What `meridian check` says."""
        done = subprocess.run([MERIDIAN, "check", "--config", self.config], capture_output=True, text=True, timeout=20)
        return done.stdout + done.stderr

    def stopped(self):
        """Ends it as systemd would. What is wrong with its end."""
        if self.process.has_ended():
            return "it had ended before"
        self.process.process.send_signal(signal.SIGTERM)
        status = self.process.process.wait(timeout=20)
        return f"exit status {status}" if status else ""

    def memory_kb(self):
        """The most that it has ever had."""
        status = Path(f"/proc/{self.process.process.pid}/status").read_text()
        return int(re.search(r"VmHWM:\s+(\d+)", status)[1])


def dig(name):
    """The addresses that a client gets."""
    words = ["dig", f"@{SERVER}", "-p", str(DNS_PORT), "+short", "+tries=2", "+time=2", name, "A"]
    return sorted(run(*words).split())
