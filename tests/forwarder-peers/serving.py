"""What backends of raw sockets have in common: a process for each connection, and a file of what they saw.

    PROGRAM ADDRESS PORT SEEN [well]

Lines of JSON go to the file SEEN for each request: `head` when its head has come, `body` when all of it has. With `well`, what
requests say is to be done is for somebody else.
"""

import json
import os
import signal
import socket
import sys

ADDRESS, PORT, SEEN, WELL = sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4:] == ["well"]
# Longer than anybody waits for.
LONG_SECONDS = 60


def note(event, **what):
    line = json.dumps({"event": event, "at": ADDRESS, "process": os.getpid(), **what}) + "\n"
    seen = os.open(SEEN, os.O_WRONLY | os.O_APPEND)
    os.write(seen, line.encode())
    os.close(seen)


def kill():
    """As if from outside: nothing is said or ended any more but by the kernel."""
    os.kill(os.getpid(), signal.SIGKILL)


def serve(one):
    """Has `one` serve each connection, in a process of its own."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    listener = socket.create_server((ADDRESS, PORT), backlog=512)
    while True:
        stream, _ = listener.accept()
        if os.fork() == 0:
            listener.close()
            stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            try:
                one(stream)
            except Exception as error:
                note("end", id=None, why=repr(error))
            finally:
                os._exit(0)
        stream.close()
