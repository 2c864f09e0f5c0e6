"""What is asked of whom, and what must be said of it while peers are well, while they are stopped, and once they are gone."""

from typing import NamedTuple

from world import BROKEN, HERE, WORK

UP = "up"
# Its answer does not depend on the peers.
SAME = "same"
NO_ANSWER = r"timed out after \d+ ms \(waiting for an answer\)"
NO_HANDSHAKE = r"timed out after \d+ ms \(TLS handshake\)"
REFUSED = "connection refused"

CA = f'ca = "{WORK}/ca.pem"\n'
PEER = CA + 'host = "peer.example"\n'
SNI = CA + 'sni = "peer.example"\n'
BODY = 'expect_body = "status: ok"\n'


class Case(NamedTuple):
    """Expected are `up`, or what the failure says (a regular expression), which then makes it down."""

    name: str
    monitor: str
    well: str = UP
    stopped: str = NO_ANSWER
    gone: str = REFUSED
    endpoints: tuple = (HERE,)


def http(name, path, more="", port=8080, well=UP, **others):
    return Case(name, f'http = "{path}"\nport = {port}\n{more}', well, **others)


def https(name, port, more=PEER, well=UP, path="/ok", **others):
    return Case(name, f'https = "{path}"\nport = {port}\n{more}', well, NO_HANDSHAKE, **others)


def tls(name, port, more=SNI, well=UP, stopped=NO_HANDSHAKE):
    return Case(name, f"tls = true\nport = {port}\n{more}", well, stopped)


def tcp(name, port, tcp, more="", well=UP, **others):
    return Case(name, f"tcp = {tcp}\nport = {port}\n{more}", well, **others)


def grpc(name, service, well=UP, kind="grpc", port=50051, more="", stopped=NO_ANSWER):
    return Case(name, f'{kind} = "{service}"\nport = {port}\n{more}', well, stopped)


def dns(name, query, well=UP):
    return Case(name, f"dns = {{ {query} }}\nport = 5353\n", well)


def alone(name, monitor, well=UP, endpoints=(HERE,)):
    """What no peer is asked for."""
    return Case(name, monitor, well, SAME, SAME, endpoints)


PING = r"{ send = 'PING\r\n', expect = '+PONG' }"
PLUGIN = "/usr/lib/nagios/plugins"
TWO = 'http_version = "2"\n'

CASES = [
    # nginx, HTTP
    http("http", "/ok", BODY),
    http("http-status", "/fail", well="bad status 503"),
    http("http-any-status", "/fail", "expect_status = [503]\n"),
    http("http-lying", "/lie", BODY, well=r'body lacks "status: ok" in its first 15 octets'),
    http("http-early", "/early", well="connection closed before a whole answer"),
    http("http-slow", "/slow.txt", 'expect_body = "the end"\n', well=r"timed out after \d+ ms \(reading the body\)"),
    http("http-bounded", "/slow.txt", 'expect_body = "the end"\nbody_limit = 10\n', well="in its first 10 octets"),
    http("http-head", "/token", 'method = "HEAD"\nheaders = { x-token = "abc" }\n'),
    http("http-no-token", "/token", well="bad status 403"),
    http("http2", "/ok", TWO + BODY, 8082),
    http("http2-early", "/early", TWO, 8082, well="connection closed before a whole answer|bad answer"),
    http("http2-lying", "/lie", TWO + BODY, 8082, well="body lacks"),
    http("http2-of-redis", "/ok", TWO, 6379, well="bad answer|connection closed"),
    http("redirect", "/moved", "redirects = 1\n" + BODY),
    http("redirect-unfollowed", "/moved", well="bad status 302"),
    http("redirect-elsewhere", "/elsewhere", "redirects = 5\n", well=f"redirected to http://{BROKEN}:8080/ok"),
    http("redirect-circle", "/circle", "redirects = 3\n", well="redirected to .*/circle"),
    http("kept", "/kept", "reuse = true\n" + BODY),
    http("kept2", "/kept2", "reuse = true\n" + TWO + BODY, 8082),
    http("unkept", "/unkept", BODY),
    http("from", "/from", 'source = ["127.0.0.9", "::1"]\n'),
    http("from-v6", "/from-v6", 'source = ["127.0.0.9", "::1"]\n', endpoints=("::1",)),
    http("proxy-v1", "/proxied-v1", 'proxy_protocol = "v1"\nsource = "127.0.0.9"\n', 8090),
    http("proxy-v2", "/proxied-v2", 'proxy_protocol = "v2"\n', 8090),
    http("proxy-none", "/ok", "", 8090, well="connection closed before a whole answer"),
    # nginx, TLS
    https("https", 8443, PEER + BODY),
    https("https-h2", 8443, PEER + TWO + BODY),
    https("https-h2-kept", 8443, PEER + TWO + "reuse = true\n" + BODY),
    https("https-no-h2", 8447, PEER + TWO, well="TLS: "),
    https("https-expired", 8445, well="TLS: .*Expired"),
    https("https-any", 8445, 'insecure = true\n'),
    https("https-other-name", 8444, well="TLS: .*not valid for name"),
    https("https-soon", 8446, PEER + 'certificate_valid_for = "7d"\n', well="the certificate ends at .* in less than 7 d"),
    https("https-not-soon", 8443, PEER + 'certificate_valid_for = "7d"\n'),
    https("https-unknown", 8443, 'host = "peer.example"\n', well="TLS: .*UnknownIssuer"),
    https("https-proxied", 8491, PEER + 'proxy_protocol = "v1"\n'),
    https("https-of-http", 8080, well="TLS: "),
    tls("tls", 8443),
    tls("tls-soon", 8446, SNI + 'certificate_valid_for = "7d"\n', "the certificate ends at"),
    tls("tls-expired", 8445, well="TLS: .*Expired"),
    tls("tls-proxied", 8491, SNI + 'proxy_protocol = "v2"\n'),
    tls("tls-of-closing", 7008, well="connection closed", stopped=NO_HANDSHAKE),
    # redis; a connection is made by the kernel, whatever its owner does.
    tcp("tcp", 6379, "true", stopped=UP),
    tcp("redis", 6379, PING, 'source = "127.0.0.9"\n'),
    tcp("redis-locked", 6380, PING, well=r'the answer lacks "\+PONG" in its first \d+ octets'),
    tcp("redis-silent", 6379, "{ expect = '+PONG' }", well=NO_ANSWER),
    tcp("tcp-closing", 7008, PING, well="connection closed before a whole answer|the answer lacks"),
    # gRPC
    grpc("grpc", ""),
    grpc("grpc-service", "shop.Cart"),
    grpc("grpc-down", "shop.Down", "the service says NOT_SERVING"),
    grpc("grpc-unknown", "shop.Other", "gRPC status 5: unknown service"),
    grpc("grpc-slow", "shop.Slow", r"timed out after \d+ ms|gRPC status 4"),
    grpc("grpc-lying", "shop.Lying", "bad answer: the message is no HealthCheckResponse"),
    grpc("grpc-of-nginx", "", "bad status 404", port=8082),
    grpc("grpcs", "", kind="grpcs", port=50052, more=PEER, stopped=NO_HANDSHAKE),
    grpc("grpcs-down", "shop.Down", "NOT_SERVING", "grpcs", 50052, PEER, NO_HANDSHAKE),
    grpc("grpcs-soon", "", "the certificate ends at", "grpcs", 50052, PEER + 'certificate_valid_for = "60d"\n', NO_HANDSHAKE),
    # NSD
    dns("dns", 'name = "www.example.net.", answer = "192.0.2.1"'),
    dns("dns-tcp", 'name = "www.example.net.", answer = "192.0.2.1", over = "tcp"'),
    dns("dns-v6", 'name = "www.example.net.", type = "AAAA", answer = "2001:DB8::1"'),
    dns("dns-mx", 'name = "example.net.", type = "MX", answer = "10 mail.example.net."'),
    dns("dns-lying", 'name = "www.example.net.", answer = "192.0.2.2"', '"192.0.2.2" is not among the 1 answers'),
    dns("dns-refused", 'name = "www.example.org."', "answered REFUSED"),
    dns("dns-nxdomain", 'name = "no.example.net."', "answered NXDOMAIN"),
    dns("dns-as-expected", 'name = "no.example.net.", rcode = "NXDOMAIN"'),
    # socat
    Case("udp", "udp = { send = 'status\\x00', expect = 'status' }\nport = 7007\n"),
    Case("udp-lying", "udp = { send = 'status', expect = 'ready' }\nport = 7007\n",
         'the answer lacks "ready" in its first 6 octets'),
    # Programs
    Case("plugin", f'command = ["{PLUGIN}/check_tcp", "-H", "{{address}}", "-p", "{{port}}"]\nport = 6379\n'
         'interval = "2s"\ntimeout = "1900ms"\n', UP, UP, "exit status: 2: .*onnection refused"),
    alone("plugin-down", f'command = ["{PLUGIN}/check_dummy", "2", "it is broken"]', "exit status: 2: CRITICAL: it is broken"),
    alone("command-hanging", f'command = ["{WORK}/hanging"]', r"timed out after 400 ms \(waiting for the command\)"),
    alone("command-lying", f'command = ["{WORK}/lying"]', r"exit status: 1: \\u\{1b\}\[2J up\\rOK"),
    # Files
    alone("file", f'file = "{WORK}/checks"'),
    alone("file-down", f'file = "{WORK}/checks"', "said to be down: disk full", (BROKEN,)),
    alone("folder", f'file = "{WORK}/folder"'),
    alone("folder-down", f'file = "{WORK}/folder"', "said to be down: too hot", (BROKEN,)),
    alone("file-silent", f'file = "{WORK}/silent"\nmax_age = "1m"', "nothing was said of it for more than 60 s"),
]

# Both endpoints in one pool, one of which fails.
PAIR = http("pair", "/ok", BODY, endpoints=(HERE, BROKEN))
PING_CASE = alone("ping", "icmp = true")
PING_V6_CASE = alone("ping-v6", "icmp = true", endpoints=("::1",))
