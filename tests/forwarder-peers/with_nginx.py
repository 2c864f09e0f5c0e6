"""nginx with several workers as the backend, by each way that it can be spoken to."""

from forwarder import PLAIN, PROXIED, SERVER, curl, expect
from world import WORK, check, eventually


def served(path):
    """The requests for it that nginx has logged: connection, version, who connected, and so on, as in nginx.conf."""
    lines = (WORK / "nginx-access.log").read_text().splitlines()
    return [words[1:] for line in lines if (words := line.split(" "))[0] == path]


def seen(path, look):
    """What is wrong with the requests that nginx logs for it by and by."""
    return eventually(lambda: look(served(path)))


def kept():
    """Connections are kept: each of two threads may have one of its own for each process of nginx."""
    for pool, version in [
        ("nginx", "HTTP/1.1"),
        ("nginx-h2", "HTTP/2.0"),
        ("nginx-tls", "HTTP/1.1"),
        ("nginx-tls-h2", "HTTP/2.0"),
    ]:
        path = f"/kept-by-{pool}"
        for _ in range(20):
            curl(f"/{pool}{path}")

        def look(saw):
            connections, versions = {each[0] for each in saw}, {each[1] for each in saw}
            return expect(requests=(len(saw), 20), versions=(versions, {version}), few=(len(connections) <= 4, True))

        check(f"{pool}: connections are kept", seen(path, look))


def told():
    def look(saw):
        if not saw:
            return "nothing"
        _, _, remote, _, client, scheme, host, *via, request = saw[0]
        return expect(
            remote=(remote, "127.0.0.1"),
            client=(client, "127.0.0.77"),
            scheme=(scheme, "http"),
            host=(host, f"{SERVER}:{PLAIN}"),
            via=(" ".join(via), "1.1 front"),
            id=(len(request), 32),
        )

    curl("/nginx/told", "--interface", "127.0.0.77")
    check("nginx is told who asks, how and for whom", seen("/told", look))
    for version in ["v1", "v2"]:
        for n in range(3):
            curl(f"/nginx-proxy-{version}/proxied-{version}", "--interface", f"127.0.0.{80 + n}")

        def named(saw):
            return expect(
                clients=({each[3] for each in saw}, {"127.0.0.80", "127.0.0.81", "127.0.0.82"}),
                connections=(len({each[0] for each in saw}), 3),
            )

        check(f"the PROXY protocol {version} tells it, on a connection for each", seen(f"/proxied-{version}", named))
    curl("/nginx-proxy-v2/chained", "--haproxy-protocol", "--interface", "127.0.0.90", port=PROXIED)
    check(
        "and whom another proxy has told of",
        seen("/chained", lambda saw: expect(clients=([each[3] for each in saw], ["127.0.0.90"]))),
    )


def certificates(forwarder):
    check("a backend's certificate is verified", expect(status=(curl("/nginx-tls/kept").status, 200)))
    for pool, why in [
        ("nginx-other", "not valid for name"),
        ("nginx-expired", "Expired"),
        ("nginx-unknown", "UnknownIssuer"),
    ]:
        status = curl(f"/{pool}/kept").status

        def told():
            lines = [line for line in forwarder.log.read_text().splitlines() if why in line]
            return "" if any("127.0.0.11" in line for line in lines) else "nothing is said of it"

        check(f"{pool}: 502, and the log says why", expect(status=(status, 502)) or eventually(told))
    check("a certificate is shown to a backend", expect(subject=(curl("/nginx-shown/").body, b"CN=peer.example")))


def mistakes():
    check(
        "what it says is handed on",
        expect(status=(curl("/nginx/fail").status, 503), missing=(curl("/nginx/none").status, 404)),
    )
    for pool in ["nginx", "nginx-h2", "nginx-tls"]:
        check(f"{pool}: a connection that ends without an answer", expect(status=(curl(f"/{pool}/early").status, 502)))
    for pool in ["nginx", "nginx-h2"]:
        slow = curl(f"/{pool}/slow.bin")
        check(
            f"{pool}: a body that takes two seconds is whole",
            expect(exit=(slow.exit, 0), same=(slow.body == b"slow" * 100_000, True)),
        )


def cases(forwarder, backends):
    kept()
    told()
    certificates(forwarder)
    mistakes()
