"""Patterns over object keys, in forms that can't be made to run for long.

Here: globs and templates as a connector's YAML writes them, checked and compiled. Not here: what a
policy does with a match.
"""

import re
from collections.abc import Mapping
from fnmatch import translate
from functools import lru_cache
from itertools import pairwise

LONGEST_PATTERN = 200
GLOB = re.compile(r"[A-Za-z0-9_.=+@*?-]+")
TEMPLATE_PART = re.compile(r"\{(?P<slot>[a-z]+)\}|(?P<star>\*)|(?P<text>[A-Za-z0-9_.=+@ /-]+)")
ANY = r"[^/]*"

SLOTS_OF_SEQUENCE: Mapping[str, str] = {"stream": r"[^/]+", "position": r"[0-9]{1,18}"}
SLOTS_OF_DATE: Mapping[str, str] = {"year": r"[0-9]{4}", "month": r"[0-9]{2}", "day": r"[0-9]{2}"}
SLOTS_OF_DAY: Mapping[str, str] = {"day": r"[0-9]{8}|[0-9]{4}-[0-9]{2}-[0-9]{2}"}
OPEN_SLOTS = {"stream", "position", "*"}


class PolicySettingError(ValueError):
    """A setting of a completion policy is refused; `field` is its name in the YAML."""

    def __init__(self, field: str, message: str) -> None:
        self.field = field
        super().__init__(message)


@lru_cache(maxsize=256)
def compile_glob(pattern: str, *, field: str) -> re.Pattern[str]:
    """Compile a glob over one part of a key; PolicySettingError if it is not of the safe form.

    Two stars at most: what `translate` makes of them is matched in linear time.
    """
    if not GLOB.fullmatch(pattern) or len(pattern) > LONGEST_PATTERN:
        raise PolicySettingError(
            field, "a pattern has letters, digits and any of _ . = + @ - * ?, and no slash"
        )
    if pattern.count("*") > 2 or not re.search(r"[A-Za-z0-9_]", pattern):
        raise PolicySettingError(
            field, "a pattern has at most two stars, and a letter, a digit or an underscore"
        )
    return re.compile(translate(pattern))


def compile_template(template: str, slots: Mapping[str, str], *, field: str) -> str:
    """Return the regular expression of a template such as `{stream}.{position}.csv`.

    Every slot is there once; there may be one `*`. Two parts of open length need text between them:
    with that, a match costs at most the square of the key's length. PolicySettingError if it is not
    of this form.
    """
    allowed = ", ".join("{" + slot + "}" for slot in slots)
    parts = list(TEMPLATE_PART.finditer(template))
    if "".join(part.group() for part in parts) != template or len(template) > LONGEST_PATTERN:
        raise PolicySettingError(
            field, f"a template has letters, digits, any of _ . = + @ / -, one * and {allowed}"
        )
    names = [part["slot"] or part["star"] or "" for part in parts]
    if sorted(name for name in names if name not in {"", "*"}) != sorted(slots):
        raise PolicySettingError(field, f"a template has each of {allowed} once, and no other")
    if names.count("*") > 1:
        raise PolicySettingError(field, "a template has at most one *")
    if any({one, two} <= OPEN_SLOTS for one, two in pairwise(names)):
        raise PolicySettingError(field, f"text must stand between {allowed} and *")
    return "".join(
        f"(?P<{part['slot']}>{slots[part['slot']]})"
        if part["slot"]
        else ANY
        if part["star"]
        else re.escape(part["text"])
        for part in parts
    )
