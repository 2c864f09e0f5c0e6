"""What `measure` has found, as plots and as a table in docs/growth.md."""

import math

# Curve -> what stands beside its line, and in the table.
LABELS = {
    "names": "names",
    "zones": "zones",
    "networks": "networks",
    "endpoints": "endpoints",
    "pool": "endpoints in one pool",
}
COLOURS = ["#0060a8", "#b04a00", "#1c7a3c", "#8a2f8f", "#5c5c5c"]
# Measure -> its title, how it is written, and the most that it may be, as a multiple of the first point's.
MEASURES = {
    "instructions": ("instructions per answer", "{:.0f}", 1.10),
    "answer_ns": ("time per answer without sockets, ns", "{:.0f}", None),
    "cpu_us": ("CPU time per answer with sockets, µs", "{:.2f}", 1.35),
}
BEGIN, END = "<!-- measured -->", "<!-- /measured -->"

WIDTH, HEIGHT = 760, 380
LEFT, RIGHT, TOP, BOTTOM = 56, 176, 40, 44

# What is drawn -> the file.
PLOTS = {"instructions": "growth-instructions.svg", "cpu_us": "growth-cpu.svg"}


def everything(docs, record):
    images = ""
    for measure, name in PLOTS.items():
        (docs / name).write_text(plot(record, measure))
        images += f"![{MEASURES[measure][0]}]({name})\n\n"
    page = docs / "growth.md"
    before, rest = page.read_text().split(BEGIN)
    after = rest.split(END)[1]
    page.write_text(f"{before}{BEGIN}\n{images}{table(record)}{END}{after}")


def table(record):
    parts = []
    for curve, found in record.items():
        points, how = found["points"], found["measured"]
        cells = [[LABELS[curve], *(f"{point['size']:,}" for point in points), "most, of the first", "mark"]]
        cells.append(["---"] + ["---:"] * (len(cells[0]) - 1))
        for measure, (title, form, mark) in MEASURES.items():
            values = [point[measure] for point in points]
            growth = max(values) / values[0]
            cells.append([title, *map(form.format, values), f"{growth:.2f}", f"{mark:.2f}" if mark else ""])
        parts += [f"| {' | '.join(row)} |" for row in cells]
        parts.append(
            f"\n{how['date']}, commit {how['commit']}, {how['machine']}, {how['rustc']}; "
            f"medians of {how['rounds']} rounds of {how['seconds']} s.\n"
        )
    return "\n".join(parts) + "\n"


def plot(record, measure):
    title, _, mark = MEASURES[measure]
    curves = {
        curve: [(point["size"], point[measure] / found["points"][0][measure]) for point in found["points"]]
        for curve, found in record.items()
    }
    top = max([mark, *(y for line in curves.values() for _, y in line)]) * 1.05
    bottom = min([0.95, *(y for line in curves.values() for _, y in line)]) - 0.02
    x = lambda size: LEFT + math.log10(size) / 7 * (WIDTH - LEFT - RIGHT)
    y = lambda ratio: TOP + (top - ratio) / (top - bottom) * (HEIGHT - TOP - BOTTOM)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" font-size="12">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>',
        text(LEFT, 22, f"{title}: multiples of the first point", "start", "#111", 14),
        *axes(x, y, bottom, top),
        f'<path d="M{x(1):.1f} {y(mark):.1f}H{x(10**7):.1f}" stroke="#c00" stroke-dasharray="6 4"/>',
        text(x(1) + 4, y(mark) - 5, f"mark: {mark:.2f}", "start", "#c00"),
    ]
    labels = spread([(y(line[-1][1]), curve) for curve, line in curves.items()])
    for colour, (curve, line) in zip(COLOURS, curves.items()):
        points = " ".join(f"{x(size):.1f},{y(ratio):.1f}" for size, ratio in line)
        parts.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts += [f'<circle cx="{x(s):.1f}" cy="{y(r):.1f}" r="3" fill="{colour}"/>' for s, r in line]
        parts.append(text(x(10**7) + 8, labels[curve] + 4, f"{LABELS[curve]}: {line[-1][1]:.2f}", "start", colour))
    return "\n".join([*parts, "</svg>\n"])


def axes(x, y, bottom, top):
    for exponent in range(8):
        at = x(10**exponent)
        yield f'<path d="M{at:.1f} {TOP}V{HEIGHT - BOTTOM}" stroke="#eee"/>'
        yield text(at, HEIGHT - BOTTOM + 18, f"{10**exponent:,}", "middle", "#333")
    step = next(s for s in (0.02, 0.05, 0.1, 0.2, 0.5, 1) if (top - bottom) / s < 10)
    for i in range(math.ceil(bottom / step), math.floor(top / step) + 1):
        yield f'<path d="M{LEFT} {y(i * step):.1f}H{WIDTH - RIGHT}" stroke="#ddd"/>'
        yield text(LEFT - 8, y(i * step) + 4, f"{i * step:.2f}", "end", "#333")


def text(x, y, content, anchor, colour, size=12):
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{colour}" font-size="{size}">{content}</text>'


def spread(labels):
    """Heights of labels, moved apart where they would lie on one another."""
    placed, floor = {}, -math.inf
    for height, name in sorted(labels):
        floor = max(height, floor + 15)
        placed[name] = floor
    return placed
