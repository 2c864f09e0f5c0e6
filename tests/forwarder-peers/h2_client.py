"""A client of HTTP/2 that says what it wants: Python's h2, held to no rules, and frames by hand."""

import socket
import ssl
import time

import h2.config
import h2.connection
import h2.events
import h2.exceptions
from forwarder import PLAIN, SERVER, TLS
from world import WORK

# Error codes (RFC 9113, 7).
NO_ERROR, PROTOCOL_ERROR, CANCEL, CALM = 0, 1, 8, 11


def head(path="/bad/", method="GET", *more):
    return [(":method", method), (":scheme", "http"), (":authority", SERVER), (":path", path), *more]


class Client:
    """A connection, what came over it, and what was made of that. Requests are not held to any rules."""

    def __init__(self, port=PLAIN, window=True):
        self.stream = socket.create_connection((SERVER, port), timeout=20)
        if port == TLS:
            context = ssl.create_default_context(cafile=str(WORK / "ca.pem"))
            context.set_alpn_protocols(["h2"])
            self.stream = context.wrap_socket(self.stream, server_hostname="peer.example")
        self.stream.settimeout(0.1)
        self.h2 = h2.connection.H2Connection(
            h2.config.H2Configuration(
                validate_outbound_headers=False, normalize_outbound_headers=False, header_encoding="utf-8"
            )
        )
        self.opens_windows, self.ended, self.held, self.events = window, False, b"", []
        self.h2.initiate_connection()
        self.flush()

    def flush(self):
        self.raw(self.h2.data_to_send())

    def raw(self, octets):
        try:
            self.stream.sendall(octets)
        except OSError:
            self.ended = True

    def ask(self, fields, body=None, stream=None, **options):
        stream = stream or self.h2.get_next_available_stream_id()
        self.h2.send_headers(stream, fields, end_stream=body is None, **options)
        if body is not None:
            self.h2.send_data(stream, body, end_stream=True)
        self.flush()
        return stream

    def read(self, seconds=0.0):
        """What comes in at most that time, or at once."""
        end = time.monotonic() + seconds
        while not self.ended:
            try:
                octets = self.stream.recv(65536)
                self.ended = not octets
                self.held += octets
                # One by one: what stands in front of a frame that h2 takes for wrong is not lost.
                while len(self.held) >= 9 and len(self.held) >= (size := 9 + int.from_bytes(self.held[:3], "big")):
                    frame, self.held = self.held[:size], self.held[size:]
                    self.take(self.h2.receive_data(frame))
            except TimeoutError:
                pass
            except (OSError, h2.exceptions.ProtocolError):
                self.ended = True
            if time.monotonic() >= end:
                return

    def take(self, events):
        self.events += events
        for event in events:
            if isinstance(event, h2.events.DataReceived) and self.opens_windows and event.flow_controlled_length:
                self.h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        self.flush()

    def until(self, kind, stream=None, seconds=15):
        """The event of that kind, once there is one."""
        end = time.monotonic() + seconds
        while True:
            found = [
                event
                for event in self.events
                if isinstance(event, kind) and getattr(event, "stream_id", None) in (stream, None)
            ]
            if found or self.ended or time.monotonic() >= end:
                return found[0] if found else None
            self.read(0)

    def response(self, stream):
        """Status, fields, body, trailers, and how it was reset, once the stream has ended."""
        ends = (h2.events.StreamEnded, h2.events.StreamReset, h2.events.ConnectionTerminated)
        self.until(ends, stream)
        of = [event for event in self.events if getattr(event, "stream_id", None) == stream]
        fields = next((dict(event.headers) for event in of if isinstance(event, h2.events.ResponseReceived)), {})
        body = b"".join(event.data for event in of if isinstance(event, h2.events.DataReceived))
        trailers = next((dict(event.headers) for event in of if isinstance(event, h2.events.TrailersReceived)), {})
        reset = next((int(event.error_code) for event in of if isinstance(event, h2.events.StreamReset)), None)
        return int(fields.get(":status", 0)), fields, body, trailers, reset

    def goaway(self, seconds=15):
        """The code that the connection ended with, or `ended`."""
        event = self.until(h2.events.ConnectionTerminated, seconds=seconds)
        return int(event.error_code) if event else ("ended" if self.ended else None)

    def close(self):
        self.stream.close()


def asked(client, fields, body=None, **options):
    return client.response(client.ask(fields, body, **options))
