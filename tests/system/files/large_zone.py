#!/usr/bin/python3
"""Prints a zone whose names `tN` have TXT records that make an answer of N octets, without EDNS."""

APEX = "large.example.com."
SIZES = [512, 1232, 16384, 40000, 64500]
# A header, and type and class of the question; of a record all but its data.
MESSAGE, RECORD = 12 + 4, 12


def name_len(name):
    return len(name) + 1


def strings(octets, number):
    """As many octets of character strings, each with its length; the first one begins with `number`."""
    lengths = [256] * (octets // 256) + ([octets % 256] if octets % 256 else [])
    first, *rest = ["x" * (length - 1) for length in lengths]
    return " ".join(f'"{string}"' for string in [f"{number:05}{first[5:]}", *rest])


print(f"$ORIGIN {APEX}\n$TTL 300\n@ SOA ns.example.com. hostmaster 1 7200 900 86400 60\n@ NS ns.example.com.")
for size in SIZES:
    left = size - MESSAGE - name_len(f"t{size}.{APEX}")
    while left:
        # The last two share what is left, so that neither is too short to be a record.
        data = 8000 if left > 20000 else left // 2 - RECORD if left > 10000 else left - RECORD
        print(f"t{size} TXT {strings(data, left)}")
        left -= RECORD + data
