"""Customers-like CSV files of any size, the same for the same seed.

Here: the generator. Not here: what is measured.
"""

import random
from collections.abc import Iterator
from pathlib import Path

HEADER = (
    "customer_id,email,phone,first_name,last_name,birthdate,state,signup,amount,opt_in,notes,legacy"
)
_STATES = ("NY", "CA", "TX", "WA", "", "ny")
_DOMAINS = ("Example.COM", "mail.example.org", "EXAMPLE.net")
_WORDS = ("visited", "called", "wrote", "bought", "returned", "asked", "left", "signed")
_CHUNK = 10_000


def lines(rows: int, seed: int) -> Iterator[str]:
    """Yield the lines of a file of `rows` rows; about one row in three repeats a person."""
    draw = random.Random(seed)
    yield HEADER
    for number in range(rows):
        person = draw.randrange(max(1, rows * 9 // 10))
        pad = " " * (person % 3)
        yield ",".join(
            (
                f"C{person:09d}",
                f"{pad}User.{person}@{_DOMAINS[person % 3]}{pad}",
                f'"+1 ({person % 800 + 200}) {person % 900 + 100}-{person % 10_000:04d}"',
                f"First{person % 5_003}",
                f"Last-{person % 70_001}",
                f"{1940 + person % 65}-{person % 12 + 1:02d}-{person % 28 + 1:02d}",
                _STATES[person % 6],
                f"2024-{number % 12 + 1:02d}-{number % 28 + 1:02d} {_time(number)}",
                f"{draw.randrange(100_000) / 100:.2f}" if number % 50 else "n/a",
                ("yes", "no", "")[person % 3],
                f"{_WORDS[number % 8]} on line {number} about order {person * 7 % 99_991}",
                f"L{number % 1_000:06d}",
            )
        )


def _time(number: int) -> str:
    return f"{number % 24:02d}:{number % 60:02d}:07"


def write(path: Path, rows: int, seed: int = 1) -> None:
    """Write a file, chunk by chunk."""
    with path.open("w", encoding="utf-8", newline="\n") as out:
        chunk: list[str] = []
        for line in lines(rows, seed):
            chunk.append(line)
            if len(chunk) == _CHUNK:
                out.write("\n".join(chunk) + "\n")
                chunk.clear()
        out.write("".join(f"{line}\n" for line in chunk))
