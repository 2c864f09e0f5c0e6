"""A load of bursts: sixteen queries at once to one of several ports, then the next as soon as these are answered
and their time has come. So each of them wakes one worker, which finds all of it in one receive call, however many workers
there are.

    bursts.py SECONDS QUERIES_PER_SECOND PORT...

Prints how many queries were answered, and how many not. It is pointed at loopback only, and runs on the CPU that it
was started on.
"""

import socket
import struct
import sys
import time

from servers import QUERY

# As many as Meridian takes with one call.
BURST = 16
# linux/udp.h: one buffer, which the kernel cuts into datagrams of so many octets.
UDP_SEGMENT = 103
TIMEOUT_S = 1


def main():
    seconds, rate, *ports = map(float, sys.argv[1:])
    question = QUERY[2:]
    cut = [(socket.IPPROTO_UDP, UDP_SEGMENT, struct.pack("=H", len(question)))]
    workers = [connected(int(port)) for port in ports]
    answered = sent = 0
    start = time.monotonic()
    while (now := time.monotonic()) < start + seconds:
        time.sleep(max(start + sent / rate - now, 0))
        worker = workers[sent // BURST % len(workers)]
        worker.sendmsg([question * BURST], cut)
        sent += BURST
        try:
            for _ in range(BURST):
                answered += len(worker.recv(512)) > len(question)
        except TimeoutError:
            pass
    print(answered, sent - answered)


def connected(port):
    client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    client.connect(("127.0.0.1", port))
    client.settimeout(TIMEOUT_S)
    return client


if __name__ == "__main__":
    main()
