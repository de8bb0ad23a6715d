"""Sets of code points, and the sets that Java's regular expressions have names for.

Here: union, intersection, complement, what `\\p{...}` names. Not here: patterns
(java_patterns.py).

A set is a sorted tuple of ranges (first, last) that neither touch nor overlap. Surrogates are in no
set: no text holds any. Properties are those of Python's own Unicode tables; scripts and binary
properties come from the package `regex`, cut to what Python's tables know.
"""

import unicodedata
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from itertools import groupby

import regex

Points = tuple[tuple[int, int], ...]

LAST = 0x10FFFF
_SURROGATES = (0xD800, 0xDFFF)
EVERYTHING: Points = ((0, _SURROGATES[0] - 1), (_SURROGATES[1] + 1, LAST))
NOTHING: Points = ()
_LOWER, _UPPER, _DIGITS = (0x61, 0x7A), (0x41, 0x5A), (0x30, 0x39)
_CASE = 0x20


def union(*sets: Iterable[tuple[int, int]]) -> Points:
    """Return what is in any of the sets; they need not be sorted."""
    merged: list[tuple[int, int]] = []
    for first, last in sorted(one for each in sets for one in each):
        if merged and first <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(merged[-1][1], last))
        else:
            merged.append((first, last))
    return tuple(merged)


def complement(points: Points) -> Points:
    """Return what is not in the set."""
    gaps, begin = [], 0
    for first, last in union(points, [_SURROGATES]):
        if begin < first:
            gaps.append((begin, first - 1))
        begin = last + 1
    return (*gaps, (begin, LAST)) if begin <= LAST else tuple(gaps)


def intersection(left: Points, right: Points) -> Points:
    """Return what is in both sets."""
    return complement(union(complement(left), complement(right)))


def of(text: str) -> Points:
    """Return the set of a text's characters."""
    return union([(ord(one), ord(one)) for one in text])


def between(first: int, last: int) -> Points:
    """Return the set of a range."""
    return intersection(((first, last),), EVERYTHING)


def either_case(points: Points) -> Points:
    """Return the set with both cases of its ASCII letters: Java folds no others by itself."""
    lower = intersection(points, (_LOWER,))
    upper = intersection(points, (_UPPER,))
    return union(
        points,
        [(first - _CASE, last - _CASE) for first, last in lower],
        [(first + _CASE, last + _CASE) for first, last in upper],
    )


ASCII: Points = ((0, 0x7F),)
LINE_ENDS = of("\n\r\x85\u2028\u2029")
VERTICAL = of("\n\v\f\r\x85\u2028\u2029")
HORIZONTAL = union(of(" \t\xa0\u1680\u180e\u202f\u205f\u3000"), [(0x2000, 0x200A)])
SPACE = of(" \t\n\v\f\r")
DIGIT: Points = (_DIGITS,)
LETTER: Points = union([_LOWER], [_UPPER])
WORD = union(LETTER, DIGIT, of("_"))
_PUNCTUATION = of("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~")
_GRAPH = union(LETTER, DIGIT, _PUNCTUATION)

_ASCII_CLASSES: Mapping[str, Points] = {
    "Lower": (_LOWER,),
    "Upper": (_UPPER,),
    "ASCII": ASCII,
    "Alpha": LETTER,
    "Digit": DIGIT,
    "Alnum": union(LETTER, DIGIT),
    "Punct": _PUNCTUATION,
    "Graph": _GRAPH,
    "Print": union(_GRAPH, of(" ")),
    "Blank": of(" \t"),
    "Cntrl": union([(0, 0x1F)], of("\x7f")),
    "XDigit": union(DIGIT, of("abcdefABCDEF")),
    "Space": SPACE,
    "L1": ((0, 0xFF),),
    "all": EVERYTHING,
}
# These mean more under (?i) in newer versions of Java than in older ones.
CASED = frozenset(
    {
        "Lower", "Upper", "Lu", "Ll", "Lt", "LC", "javaLowerCase", "javaUpperCase",
        "javaTitleCase", "IsLowercase", "IsUppercase", "IsTitlecase", "IsLu", "IsLl", "IsLt",
    }
)  # fmt: skip


@lru_cache(maxsize=1)
def _categories() -> Mapping[str, Points]:
    """Return the set of each general category."""
    found: dict[str, list[tuple[int, int]]] = {}
    for name, run in groupby(range(LAST + 1), lambda one: unicodedata.category(chr(one))):
        first, *rest = run
        found.setdefault(name, []).append((first, rest[-1] if rest else first))
    return {name: tuple(ranges) for name, ranges in found.items() if name != "Cs"}


def category(name: str) -> Points | None:
    """Return the set of a general category (Lu), of a group of them (L, LC), or None."""
    if name == "LC":
        return union(*[_categories()[one] for one in ("Lu", "Ll", "Lt")])
    if name in _categories():
        return _categories()[name]
    if len(name) == 1 and any(one.startswith(name) for one in _categories()):
        return union(*[s for one, s in _categories().items() if one.startswith(name)])
    return None


@lru_cache(maxsize=1)
def _every_character() -> str:
    return "".join(chr(one) for first, last in EVERYTHING for one in range(first, last + 1))


@lru_cache(maxsize=64)
def _by_regex(name: str) -> Points | None:
    """Return the set of a property as the package `regex` names it, or None."""
    try:
        pattern = regex.compile(rf"\p{{{name}}}+")
    except regex.error:
        return None
    runs = (match.group() for match in pattern.finditer(_every_character()))
    ranges = [(ord(run[0]), ord(run[-1])) for run in runs]
    # A run may go across the place where surrogates would be.
    known = intersection(tuple(ranges), EVERYTHING)
    return intersection(known, complement(_categories()["Cn"]))


def _known(name: str) -> Points:
    points = _by_regex(name)
    if points is None:
        raise KeyError(name)
    return points


def _join(*names: str) -> Points:
    return union(*[category(name) or NOTHING for name in names])


def _java_white() -> Points:
    spaces = intersection(_join("Zs", "Zl", "Zp"), complement(of("\xa0\u2007\u202f")))
    return union(spaces, SPACE, [(0x1C, 0x1F)])


_COMPUTED: Mapping[str, Callable[[], Points]] = {
    "javaLowerCase": lambda: _known("Lowercase"),
    "javaUpperCase": lambda: _known("Uppercase"),
    "javaTitleCase": lambda: _join("Lt"),
    "javaAlphabetic": lambda: _known("Alphabetic"),
    "javaLetter": lambda: _join("L"),
    "javaDigit": lambda: _join("Nd"),
    "javaLetterOrDigit": lambda: _join("L", "Nd"),
    "javaSpaceChar": lambda: _join("Z"),
    "javaWhitespace": _java_white,
    "javaISOControl": lambda: union([(0, 0x1F)], [(0x7F, 0x9F)]),
    "javaDefined": lambda: complement(_join("Cn")),
    "IsAlphabetic": lambda: _known("Alphabetic"),
    "IsIdeographic": lambda: _known("Ideographic"),
    "IsLetter": lambda: _join("L"),
    "IsLowercase": lambda: _known("Lowercase"),
    "IsUppercase": lambda: _known("Uppercase"),
    "IsTitlecase": lambda: _join("Lt"),
    "IsPunctuation": lambda: _join("P"),
    "IsControl": lambda: _join("Cc"),
    "IsWhite_Space": lambda: _known("White_Space"),
    "IsDigit": lambda: _join("Nd"),
    "IsHex_Digit": lambda: union(_join("Nd"), _known("Hex_Digit")),
    "IsAssigned": lambda: complement(_join("Cn")),
}
_SCRIPT = regex.compile(r"[A-Z][a-z]+(_[A-Z][a-z]+)*")


def _script(name: str) -> Points | None:
    return _by_regex(f"Script={name}") if _SCRIPT.fullmatch(name) else None


@lru_cache(maxsize=256)
def named(name: str) -> Points | None:
    """Return what `\\p{name}` takes in Java, or None for a name that is not known here.

    Known: POSIX's names (ASCII alone), general categories, scripts, java.lang.Character's tests
    and the commonest binary properties. Blocks (`InGreek`) are not.
    """
    if name in _ASCII_CLASSES:
        return _ASCII_CLASSES[name]
    if name in _COMPUTED:
        return _COMPUTED[name]()
    key, equals, value = name.partition("=")
    if equals:
        readers = {"general_category": category, "gc": category, "script": _script, "sc": _script}
        return readers[key](value) if key in readers else None
    if name.startswith("Is"):
        return category(name[2:]) or _script(name[2:])
    return category(name)
