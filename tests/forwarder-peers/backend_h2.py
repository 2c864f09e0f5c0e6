"""A backend of HTTP/2 with prior knowledge that serves, or does what the header `x-act` of a request says: see serving.py."""

import hashlib
import json
import os
import socket
import time

import h2.config
import h2.connection
import h2.errors
import h2.events
from serving import ADDRESS, LONG_SECONDS, SEEN, WELL, kill, note, serve


class Request:
    def __init__(self, headers):
        self.headers = [(name.decode(), value.decode()) for name, value in headers]
        self.all = dict(self.headers)
        self.act, self.id = self.all.get("x-act", "serve"), self.all.get("x-id")
        self.digest, self.length, self.trailers = hashlib.sha256(), 0, []
        note("head", id=self.id, method=self.all[":method"], target=self.all[":path"], act=self.act)


class Connection:
    def __init__(self, stream):
        self.stream = stream
        # Responses that no server should send are sent here.
        settings = h2.config.H2Configuration(
            client_side=False, validate_outbound_headers=False, normalize_outbound_headers=False, header_encoding=None
        )
        self.h2 = h2.connection.H2Connection(settings)
        self.h2.initiate_connection()
        self.requests, self.waiting = {}, {}
        self.flush()

    def flush(self):
        self.stream.sendall(self.h2.data_to_send())

    def run(self):
        while octets := self.stream.recv(65536):
            for event in self.h2.receive_data(octets):
                self.take(event)
            self.flush()
            self.go_on()

    def take(self, event):
        match event:
            case h2.events.RequestReceived(stream_id=number, headers=headers):
                self.requests[number] = Request(headers)
                if not WELL and self.requests[number].act == "early":
                    self.say(number, b"no", status="403")
            case h2.events.DataReceived(stream_id=number, data=data, flow_controlled_length=length):
                self.requests[number].digest.update(data)
                self.requests[number].length += len(data)
                self.h2.acknowledge_received_data(length, number)
            case h2.events.TrailersReceived(stream_id=number, headers=trailers):
                self.requests[number].trailers = [(name.decode(), value.decode()) for name, value in trailers]
            case h2.events.StreamReset(stream_id=number, error_code=code):
                self.waiting.pop(number, None)
                note("reset", id=self.requests[number].id, code=code)
            case h2.events.StreamEnded(stream_id=number):
                request = self.requests[number]
                note("body", id=request.id, length=request.length)
                if WELL or request.act not in ACTS:
                    self.be_well(number, request)
                elif request.act != "early":
                    ACTS[request.act](self, number)

    def be_well(self, number, request):
        told = {
            "at": ADDRESS,
            "method": request.all[":method"],
            "target": request.all[":path"],
            "headers": request.headers,
            "sha256": request.digest.hexdigest(),
            "length": request.length,
            "trailers": request.trailers,
        }
        body = b"" if request.all[":method"] == "HEAD" else json.dumps(told).encode()
        self.say(number, body, ("content-length", str(len(body))))

    def head(self, number, *fields, status="200", **options):
        self.h2.send_headers(number, [(":status", status), *fields], **options)

    def say(self, number, body, *fields, status="200", trailers=()):
        """As much as the windows allow now, and the rest when they do."""
        self.head(number, *fields, status=status)
        self.waiting[number] = (body, trailers)
        self.go_on()

    def go_on(self):
        for number, (body, trailers) in list(self.waiting.items()):
            while body and (size := min(self.h2.local_flow_control_window(number), self.h2.max_outbound_frame_size)):
                self.h2.send_data(number, body[:size])
                body = body[size:]
            self.waiting[number] = (body, trailers)
            if not body:
                del self.waiting[number]
                self.h2.send_headers(number, trailers, end_stream=True) if trailers else self.h2.end_stream(number)
        self.flush()

    def part(self, number, *fields):
        self.head(number, *fields)
        self.h2.send_data(number, b"the first part")
        self.flush()

    def kill(self, number, *fields, said=True):
        if said:
            self.part(number, *fields)
            # So that what was said is on its way.
            time.sleep(0.2)
        kill()

    def reset(self, number, code, said=False):
        if said:
            self.part(number)
            time.sleep(0.2)
        self.h2.reset_stream(number, code)
        self.flush()

    def go_away(self, number):
        """As one who has looked at nothing of this request."""
        self.stream.sendall(
            (8).to_bytes(3, "big") + b"\7\0" + bytes(4) + (number - 2 if number > 1 else 0).to_bytes(4, "big") + bytes(4)
        )
        self.stream.shutdown(socket.SHUT_WR)
        time.sleep(0.5)
        os._exit(0)

    def gate(self, number):
        self.head(number)
        self.h2.send_data(number, b"first\n")
        self.flush()
        end = time.monotonic() + LONG_SECONDS
        while not os.path.exists(SEEN + ".gate") and time.monotonic() < end:
            time.sleep(0.02)
        self.h2.send_data(number, b"second\n", end_stream=True)
        self.flush()

    def raw(self, octets):
        self.stream.sendall(octets)


CODES = h2.errors.ErrorCodes
ACTS = {
    "early": lambda on, number: None,
    "large": lambda on, number: on.say(number, b"".join(b"%09d\n" % n for n in range(1_000_000))),
    "trailers": lambda on, number: on.say(number, b"body", ("trailer", "x-sum"), trailers=[("x-sum", "42")]),
    "gate": Connection.gate,
    "silent": lambda on, number: None,
    "killed-early": lambda on, number: on.kill(number, said=False),
    "killed": Connection.kill,
    "killed-length": lambda on, number: on.kill(number, ("content-length", "1000")),
    "reset": lambda on, number: on.reset(number, CODES.INTERNAL_ERROR),
    "reset-later": lambda on, number: on.reset(number, CODES.INTERNAL_ERROR, said=True),
    "refused": lambda on, number: on.reset(number, CODES.REFUSED_STREAM),
    "goes-away": Connection.go_away,
    "short": lambda on, number: on.say(number, b"the first part", ("content-length", "1000")),
    "long": lambda on, number: on.say(number, b"the first part", ("content-length", "5")),
    "stuck-body": lambda on, number: on.part(number),
    "connection": lambda on, number: on.say(number, b"body", ("connection", "close")),
    "uppercase": lambda on, number: on.say(number, b"body", ("X-Upper", "1")),
    "garbage": lambda on, number: on.raw(b"HTTP/1.1 200 OK\r\n\r\n"),
}


serve(lambda stream: Connection(stream).run())
