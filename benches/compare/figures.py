"""Medians, ratios of paired runs, and how sure they are."""

from math import comb
from statistics import median


def interval(values, confidence=0.95):
    """The narrowest interval between two of the values, as far from the lowest as from the highest, that
    holds the median of what they were drawn from with at least this probability: (low, high, probability).
    It supposes nothing about how they are distributed (the sign test turned round; Conover, "Practical
    Nonparametric Statistics", 3.2). None: they are too few; it takes six for 95 %.
    """
    ordered, n = sorted(values), len(values)
    best = None
    for k in range(1, n // 2 + 1):
        # The median lies outside when fewer than k values are on one side of it.
        inside = 1 - 2 * sum(comb(n, i) for i in range(k)) / 2**n
        if inside >= confidence:
            best = (ordered[k - 1], ordered[n - k], inside)
    return best


def paired(runs, peer, base, workload, figure):
    """figure(peer) / figure(base) of each round that has both."""
    of = lambda name: {r["round"]: figure(r) for r in runs if (r["peer"], r["workload"]) == (name, workload)}
    ours, theirs = of(peer), of(base)
    return [ours[i] / theirs[i] for i in sorted(ours.keys() & theirs.keys())]


def cost(run):
    return run["server"]["us_per_answer"]


def speed(run):
    return run["answers_per_second"]


def wrong(run):
    return run["other_question"] + run["malformed"] + run["unexpected"]


def report(runs, workloads, base=None):
    """What was compared, where and when, and a table for each workload."""
    names = {run["peer"] for run in runs}
    base = base or next((name for name in ("flapping-0", "gdnsd") if name in names), "")
    order = ["echo", "meridian", "flapping-0"]
    peers = sorted(names, key=lambda name: (order.index(name) if name in order else len(order), name))
    versions = {run["peer"]: run["version"] for run in runs}
    said = lambda key: ", ".join(sorted({str(run[key]) for run in runs}))
    days = sorted({run["round"][:10] for run in runs})
    rounds = {run["round"] for run in runs}
    lines = [
        f"{days[0]}{' to ' + days[-1] if len(days) > 1 else ''}, {said('machine')}; "
        + ", ".join(f"{peer} {versions[peer]}".strip() for peer in peers)
        + f". Medians of {len(rounds)} rounds of {median(run['seconds'] for run in runs):.1f} s, one worker on "
        f"one CPU, closed loop from another over {said('over')}; {said('names')} names, {said('database')}."
    ]
    for workload in workloads:
        if any(run["workload"] == workload for run in runs):
            lines += ["", f"**{workload}**", "", *table(runs, peers, workload, base)]
    return "\n".join(lines)


def table(runs, peers, workload, base):
    """A Markdown table of medians, and of the ratios to `base`."""
    heads = ["server", "CPU us per answer (user + system)", "answers per second", "records", "octets", "lost",
             "wrong", "n", f"CPU, ratio to {base}", "confidence interval"]
    lines = ["| " + " | ".join(heads) + " |", "|---" * len(heads) + "|"]
    for peer in peers:
        own = [r for r in runs if (r["peer"], r["workload"]) == (peer, workload)]
        if own:
            lines.append(row(runs, own, peer, base, workload))
    return lines


def row(runs, own, peer, base, workload):
    of = lambda figure: median(figure(r) for r in own)
    user = of(lambda r: r["server"]["user_us_per_answer"])
    system = of(lambda r: r["server"]["system_us_per_answer"])
    ratios = paired(runs, peer, base, workload, cost) if peer != base else []
    ratio, sure = "", ""
    if ratios:
        ratio = f"{median(ratios):.3f}"
        found = interval(ratios)
        sure = f"{found[0]:.3f} to {found[1]:.3f} ({found[2]:.1%})" if found else "too few rounds"
    cells = [
        peer,
        f"{of(cost):.3f} ({user:.2f} + {system:.2f})",
        f"{of(speed):.0f}",
        f"{of(lambda r: r['records_per_answer']):.1f}",
        f"{of(lambda r: r['octets_per_answer']):.0f}",
        str(sum(r["lost"] for r in own)),
        str(sum(wrong(r) for r in own)),
        str(len(own)),
        ratio,
        sure,
    ]
    return "| " + " | ".join(cells) + " |"


def self_test():
    # For seven values it is all of them (1 - 2/128), for ten from the second to the ninth (1 - 22/1024).
    assert interval([3, 1, 2, 4, 7, 6, 5]) == (1, 7, 1 - 2 / 128)
    assert interval(range(10)) == (1, 8, 1 - 22 / 1024)
    assert interval([1, 2, 3, 4, 5]) is None


if __name__ == "__main__":
    self_test()
