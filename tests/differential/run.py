#!/usr/bin/python3
"""Do static zones get the answers that NSD and Knot give?

The same zones, the same questions, the same answers: random zones (print the seed, so that they come again) and
those in `zones/`, asked by UDP and TCP, with and without EDNS. What may differ is listed in `differences.py`.

    tests/differential/run.py [--seed N] [--zones N] [--questions N] [--show N]

Needs nsd, knot and python3-dnspython; listens at 127.0.0.1 to 127.0.0.3. MERIDIAN=PATH names the program.
"""

import argparse
import collections
import dataclasses
import functools
import itertools
import random
import sys
import tempfile
import time
from pathlib import Path

import dns.exception
import dns.rdatatype

import differences
import questions
import replies
import servers
import zones

HERE = Path(__file__).resolve().parent


class Comparison:
    def __init__(self, arguments):
        self.rng = random.Random(arguments.seed)
        self.arguments = arguments
        self.asked = 0
        self.failures = 0
        # How often which server differed in which fields.
        self.kinds = collections.Counter()

    def compare(self, title, served, asked):
        """Serves zones by everyone, and asks everyone everything."""
        with tempfile.TemporaryDirectory() as folder:
            running = []
            try:
                for configure in (servers.meridian, servers.nsd, servers.knot):
                    running.append(servers.Server(configure, Path(folder), self.arguments.port, served))
                for server, zone in itertools.product(running, served):
                    server.wait_for(questions.Question(zone.apex, dns.rdatatype.SOA).to_wire(1))
                for question in asked:
                    self.ask(running, served, question)
                for server in running:
                    if not server.runs():
                        self.fail(f"{server.name} ended:\n{server.log.read_text()[-3000:]}")
            finally:
                for server in running:
                    server.stop()
        print(f"{title}: {len(served)} zones, {self.asked} questions so far, {self.failures} failures")

    def ask(self, running, served, question):
        self.asked += 1
        query = question.to_wire(self.asked % 65536)
        told = []
        for server in running:
            wire = server.ask(query, question.is_tcp)
            try:
                told.append(replies.read(wire))
            except (dns.exception.DNSException, ValueError) as error:
                return self.fail(f"{question}: {server.name} says what cannot be read: {error!r}\n{wire.hex()}")
        for server, theirs in zip(running[1:], told[1:]):
            fields = replies.differing(told[0], theirs)
            if fields:
                by_tcp = dataclasses.replace(question, is_tcp=True).to_wire(1)
                whole = functools.cache(lambda: replies.read(running[0].ask(by_tcp, True)))
                self.judge(differences.Case(server.name, question, served, told[0], theirs, fields, whole))

    def judge(self, case):
        left = differences.unexplained(case)
        if left:
            self.kinds[(case.server, *sorted(left))] += 1
            said = "".join(
                f"  {field}\n    meridian {getattr(case.ours, field)}\n    {case.server:8} {getattr(case.theirs, field)}\n"
                for field in sorted(left)
            )
            self.fail(f"{case.question}: {case.server} differs (seed {self.arguments.seed})\n{said}")

    def fail(self, why):
        self.failures += 1
        if self.failures <= self.arguments.show:
            print(f"FAIL {why[:4000]}")

    def handmade(self, title, served):
        asked = itertools.chain.from_iterable(
            questions.every_question(zone, questions.names(zone)) for zone in served
        )
        self.compare(title, served, asked)

    def random(self):
        served = zones.random_zones(self.rng, self.arguments.zones)
        self.compare("random zones", served, self.random_questions(served))

    def random_questions(self, served):
        for zone in served:
            among = questions.names(zone)
            for _ in range(self.arguments.questions):
                yield questions.random_question(self.rng, zone, among)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    parser.add_argument("--zones", type=int, default=40)
    parser.add_argument("--questions", type=int, default=100, help="per zone")
    parser.add_argument("--show", type=int, default=3, help="failures to print")
    parser.add_argument("--port", type=int, default=53)
    parser.add_argument("--only", choices=["handmade", "root", "random"])
    arguments = parser.parse_args()
    print(f"seed {arguments.seed}")
    start = time.monotonic()
    comparison = Comparison(arguments)
    if arguments.only in (None, "handmade"):
        comparison.handmade("handmade zones", zones.handmade(HERE / "zones") + [zones.large()])
    if arguments.only in (None, "root"):
        comparison.handmade("the root", zones.handmade(HERE / "root"))
    if arguments.only in (None, "random"):
        comparison.random()
    listed = differences.OF_FIELDS + differences.OF_ADDITIONAL
    unused = [entry for entry in listed if not entry.count]
    for entry in listed:
        print(f"{entry.count:6} times: {entry.title}\n              {entry.reason}")
    if unused and arguments.only is None:
        comparison.fail(f"listed, but never met: {', '.join(entry.title for entry in unused)}")
    for kind, count in comparison.kinds.most_common():
        print(f"{count:6} times: {' '.join(kind)}")
    print(f"{comparison.asked} questions, {comparison.failures} failures, {time.monotonic() - start:.0f} s")
    sys.exit(1 if comparison.failures else 0)


if __name__ == "__main__":
    main()
