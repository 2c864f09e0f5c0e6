"""Asks names again and again at a steady rhythm, and notes in shared memory what was answered when.

Times are of CLOCK_MONOTONIC, in seconds, which all processes share. An answer counts as received when it is read, up to one
tick late.
"""

import socket
import struct
import time

import lab

TICK_S = 0.001
# Queries whose answers are waited for: a power of two, as ids are.
UNDER_WAY = 1 << 16
# What is noted of each name, all of it as doubles.
LAST_A, LAST_B, SINCE_A, SINCE_B, CHANGES, ASKED, ANSWERED, OTHER = range(8)
WIDTH = 8


class Notes:
    """What was answered, name by name. The asker writes, others read."""

    def __init__(self, names):
        self.memory = lab.shared_doubles(names * WIDTH + 3)
        self.names = names

    def of(self, name, field):
        return self.memory[name * WIDTH + field]

    def set(self, name, field, value):
        self.memory[name * WIDTH + field] = value

    def now(self, name):
        """Which address was answered last: 0 or 1, or None before the first."""
        a, b = self.of(name, LAST_A), self.of(name, LAST_B)
        return None if a == b == 0 else int(b > a)

    def total(self, field):
        return sum(self.of(name, field) for name in range(self.names))

    def lag(self):
        """By how much a tick was late at most, in seconds, and how many ticks were left out."""
        return self.memory[-1], self.memory[-2]

    def stop(self):
        """No more questions; what is under way has its answers, or is lost, when this returns."""
        self.memory[-3] = 1
        time.sleep(0.5)

    def stops(self):
        return self.memory[-3] != 0

    def forget_lag(self):
        self.memory[-1] = self.memory[-2] = 0


def query(name):
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    return struct.pack("!5H", 0, 1, 0, 0, 0) + labels + b"\0" + struct.pack("!2H", 1, 1)


def ask(server, names, addresses, notes):
    """Asks all names once each tick, until the process is killed. `addresses` are the two that are answered, packed."""
    lab.goes_first()
    questions = [query(name) for name in names]
    number = {address: i for i, address in enumerate(addresses)}
    client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
    client.connect(server)
    client.setblocking(False)
    asked = [0] * UNDER_WAY
    sent = 0
    due = time.monotonic()
    before = [None] * len(names)
    while True:
        for name, question in enumerate(() if notes.stops() else questions):
            asked[sent] = name
            client.send(struct.pack("!H", sent) + question)
            sent = (sent + 1) % UNDER_WAY
            notes.set(name, ASKED, notes.of(name, ASKED) + 1)
        due += TICK_S
        left = due - time.monotonic()
        if left > 0:
            time.sleep(left)
        else:
            notes.memory[-1] = max(notes.memory[-1], -left)
            left_out = int(-left / TICK_S)
            notes.memory[-2] += left_out
            due += left_out * TICK_S
        while True:
            try:
                answer = client.recv(512)
            except BlockingIOError:
                break
            now = time.monotonic()
            name = asked[answer[0] << 8 | answer[1]]
            # One address, with nothing behind it.
            which = number.get(answer[-4:]) if answer[3] & 15 == 0 and answer[6:8] == b"\0\1" else None
            notes.set(name, ANSWERED, notes.of(name, ANSWERED) + 1)
            if which is None:
                notes.set(name, OTHER, notes.of(name, OTHER) + 1)
                continue
            if before[name] != which:
                before[name] = which
                notes.set(name, SINCE_A + which, now)
                notes.set(name, CHANGES, notes.of(name, CHANGES) + 1)
            notes.set(name, LAST_A + which, now)
