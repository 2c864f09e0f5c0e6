"""What benches/detection and benches/probes share: a network of their own, backends, and the server."""

import ctypes
import http.client
import json
import mmap
import os
import resource
import select
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
START_S = 60
CLONE_NEWNET = 0x40000000
# linux/socket.h
BACKLOG = 4096
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: close\r\n\r\nok\n"
LIBC = ctypes.CDLL(None, use_errno=True)


def own_network():
    """Starts this program again in a network namespace that has nothing but a loopback interface: nothing leaves."""
    if os.environ.get("MERIDIAN_LAB") == "inside":
        subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
        # Ports of probes are used again after a minute only.
        Path("/proc/sys/net/ipv4/ip_local_port_range").write_text("1024 65535")
        return
    os.environ["MERIDIAN_LAB"] = "inside"
    user = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
    os.execvp("unshare", ["unshare", *user, "--net", sys.executable, "-B", *sys.argv])


def program():
    return os.environ.get("MERIDIAN", str(ROOT / "target/release/meridian"))


def version():
    said = subprocess.run([program(), "--version"], capture_output=True, text=True, check=True)
    return said.stdout.strip()


def raise_descriptor_limit():
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def enter(flags, pid=None):
    """Moves this process into a new network namespace, or into that of a process."""
    if pid is None:
        failed = LIBC.unshare(flags)
    else:
        with open(f"/proc/{pid}/ns/net") as namespace:
            failed = LIBC.setns(namespace.fileno(), flags)
    if failed:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def shared_doubles(count):
    """Numbers that this process and those that it forks have in common."""
    return memoryview(mmap.mmap(-1, 8 * count)).cast("d")


def goes_first():
    """This process stands for another machine, which does not wait for what this one is busy with (if we may say so)."""
    try:
        os.setpriority(os.PRIO_PROCESS, 0, -10)
    except PermissionError:
        pass


class Child:
    """A forked process that runs `work(pipe)` until it is killed, with its end of a pair of sockets. It dies with us."""

    def __init__(self, work):
        self.pipe, theirs = socket.socketpair()
        self.pid = os.fork()
        if self.pid == 0:
            status = 1
            try:
                LIBC.prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
                self.pipe.close()
                work(theirs)
                status = 0
            except KeyboardInterrupt:
                pass
            except BaseException as error:
                print(f"{work}: {error!r}", file=sys.stderr, flush=True)
            finally:
                os._exit(status)
        theirs.close()

    def hear(self):
        """What it says next."""
        said = self.pipe.recv(256)
        if not said:
            raise RuntimeError("a helper process ended")
        return said

    def cpu_ns(self):
        return int(Path(f"/proc/{self.pid}/schedstat").read_text().split()[0])

    def kill(self):
        """Returns when it is gone."""
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        self.pipe.close()


class Backend(Child):
    """A small web server at the addresses: one process, one answer, then the connection is closed. `counter`, if any,
    is where it counts connections (index 0) and answers (index 1). `tls`: an `ssl.SSLContext`."""

    def __init__(self, addresses, namespace=None, counter=None, tls=None, cpu=None):
        def work(pipe):
            goes_first()
            if cpu is not None:
                os.sched_setaffinity(0, {cpu})
            if namespace is not None:
                enter(CLONE_NEWNET, namespace)
            listeners = [bound(address) for address in addresses]
            listens = time.monotonic()
            for listener in listeners:
                listener.listen(BACKLOG)
            pipe.send(repr(listens).encode())
            serve(listeners, [0, 0] if counter is None else counter, tls)

        super().__init__(work)
        self.listens = float(self.hear())


def bound(address):
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    listener.bind(address)
    listener.setblocking(False)
    return listener


def serve(listeners, counter, tls):
    poll = select.epoll()
    accepting = {listener.fileno(): listener for listener in listeners}
    open_ones = {}
    for number in accepting:
        poll.register(number, select.EPOLLIN)

    def forget(client):
        if open_ones.pop(client.fileno(), None):
            poll.unregister(client.fileno())
        client.close()

    def go_on(client):
        """Answers as soon as a request is there; the whole of it comes in one piece from any probe."""
        try:
            if client.recv(4096):
                counter[1] += 1
                client.send(ANSWER)
            forget(client)
        except (BlockingIOError, SSL_WANTS):
            if client.fileno() not in open_ones:
                open_ones[client.fileno()] = client
                poll.register(client.fileno(), select.EPOLLIN | select.EPOLLRDHUP)
        except OSError:
            forget(client)

    while True:
        for number, _ in poll.poll():
            if number in open_ones:
                go_on(open_ones[number])
            listener = accepting.get(number)
            while listener:
                try:
                    client, _ = listener.accept()
                except OSError:
                    break
                counter[0] += 1
                client.setblocking(False)
                if tls:
                    client = tls.wrap_socket(client, server_side=True, do_handshake_on_connect=False)
                go_on(client)


try:
    from ssl import SSLWantReadError as SSL_WANTS
except ImportError:
    SSL_WANTS = BlockingIOError


class Server:
    """`meridian serve`. `with` ends it."""

    def __init__(self, folder, config, cpus=None):
        self.folder = folder
        folder.mkdir()
        (folder / "state").mkdir()
        (folder / "meridian.toml").write_text(config)
        (folder / "example.com.zone").write_text(ZONE)
        self.log = folder / "log"
        ready = folder / "ready"
        command = [program(), "serve", "--config", str(folder / "meridian.toml"), "--ready-file", str(ready), "--log", "json"]
        with open(self.log, "wb") as log:
            pin = (lambda: os.sched_setaffinity(0, cpus)) if cpus else None
            self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=log, preexec_fn=pin)
        end = time.monotonic() + START_S
        while not ready.exists():
            if self.process.poll() is not None or time.monotonic() > end:
                self.__exit__()
                sys.exit(f"the server did not start:\n{self.log.read_text()[-3000:]}")
            time.sleep(0.02)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def get(self, path):
        """What the admin socket answers; `None` of a program that knows no such thing."""
        connection = http.client.HTTPConnection("meridian", timeout=60)
        connection.sock = socket.socket(socket.AF_UNIX)
        connection.sock.connect(str(next((self.folder / "state").glob("*.sock"))))
        connection.request("GET", path)
        answer = connection.getresponse()
        return json.loads(answer.read()) if answer.status == 200 else None

    def probing(self):
        """`probing` of GET /v1/health: probes missed and late. Nothing of a program that tells no such thing."""
        told = self.get("/v1/health?what=nothing")
        return told["probing"] if told else {}

    def changes(self):
        """The last changes of verdicts, 1,000 at most; the `id` of each counts all since the start, first verdicts included."""
        return self.get("/v1/health/history") or []

    def changed(self):
        """How often verdicts changed since the start."""
        return max((change["id"] for change in self.changes()), default=0)

    def cpu_ns(self):
        """CPU time of all its threads, user and system, in nanoseconds. Threads that ended are not in it."""
        total = 0
        for task in Path(f"/proc/{self.process.pid}/task").iterdir():
            total += int((task / "schedstat").read_text().split()[0])
        return total

    def user_and_system_s(self):
        """The same in ticks of 10 ms, as seconds: how it is split."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        ticks = os.sysconf("SC_CLK_TCK")
        return int(fields[11]) / ticks, int(fields[12]) / ticks

    def memory_kb(self, what):
        """`VmHWM`, the most that was resident ever, or `VmRSS`, what is now."""
        for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith(what + ":"):
                return int(line.split()[1])


ZONE = """$TTL 60
@ IN SOA ns1 hostmaster 1 7200 1800 259200 60
@ IN NS ns1
ns1 IN A 127.0.0.1
"""


def percentile(values, share):
    """The smallest value that so large a share of them does not exceed (nearest rank)."""
    ordered = sorted(values)
    rank = -(-len(ordered) * share // 1)
    return ordered[max(int(rank), 1) - 1]


def machine():
    models = [line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")]
    return f"{models[0] if models else 'unknown CPU'}, {os.cpu_count()} CPUs, Linux {os.uname().release}"


def others_percent(before, after, own_ns):
    """CPU time that the machine spent on anything else, in percent of one CPU, between two `busy()`."""
    (then, busy_then), (now, busy_now) = before, after
    return 100 * (busy_now - busy_then - own_ns / 1e9) / (now - then)


def busy():
    """Now, and how long all CPUs were busy, in seconds."""
    fields = list(map(int, Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]))
    idle = fields[3] + fields[4]
    return time.monotonic(), (sum(fields) - idle) / os.sysconf("SC_CLK_TCK")
