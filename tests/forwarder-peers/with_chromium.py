"""A page of files that the forwarder serves opens a WebSocket to a backend, in a browser."""

from urllib.parse import parse_qs, urlsplit

from forwarder import PLAIN, SERVER, TLS
from world import WORK, Process, check, eventually

WELL = "{} heard 15, wrong [], closed 4000 as you wish cleanly"


def outcomes(backends):
    targets = [line["target"] for line in backends.bad.seen("websocket")]
    return [parse_qs(urlsplit(target).query)["outcome"][0] for target in targets]


def cases(forwarder, backends):
    for scheme, port, wanted in [("http", PLAIN, "ws:"), ("https", TLS, "wss:")]:
        before = len(outcomes(backends))
        browser = Process(
            f"chromium-{scheme}",
            "chromium",
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--no-first-run",
            "--disable-background-networking",
            "--ignore-certificate-errors",
            "--remote-debugging-port=0",
            f"--user-data-dir={WORK}/chromium-{scheme}",
            f"{scheme}://{SERVER}:{port}/files/websocket.html",
        )

        def look():
            found = outcomes(backends)[before:]
            return "" if found == [WELL.format(wanted)] else f"{found}"

        check(f"Chromium's WebSocket over {wanted} says and hears messages of all sizes, and closes", eventually(look, 40))
        browser.end()
    whose = {line["headers"].get("x-forwarded-proto") for line in backends.websocket.seen(event="message")}
    check("its backend knows by which scheme it came", "" if whose == {"http", "https"} else f"{whose}")
