"""TOKENIZATION: the words of a text, stemmed or left as they are.

Here: splitting, contractions, stop words, stemming. Not here: the word lists (english.py).
"""

import json
from collections.abc import Callable, Collection, Iterable, Mapping
from functools import lru_cache
from typing import Any

import regex

from cleanroom_pipeline.recipe.expressions import call as function
from cleanroom_pipeline.recipe.expressions import text
from cleanroom_pipeline.recipe.findings import StepError
from cleanroom_pipeline.recipe.operations.declaration import (
    SOURCE,
    TARGET,
    Call,
    Kind,
    Parameter,
    Status,
    operation,
)
from cleanroom_pipeline.recipe.operations.english import CONTRACTIONS, STOP_WORDS
from cleanroom_pipeline.recipe.operations.rewriting import function_name, new_column
from cleanroom_pipeline.recipe.plan import Frame
from cleanroom_pipeline.recipe.python_functions import cell_function

# Letters, marks and digits; an apostrophe inside of them; nothing else is part of a word.
_WORD = regex.compile(r"[\p{L}\p{M}\p{N}]+(?:'[\p{L}\p{M}\p{N}]+)*")
_KNOWN_WORDS = 100_000  # stems that one step keeps at hand

Stem = Callable[[str], str]


def words(cell: str) -> list[str]:
    """Return the words of a text, in order, apostrophes made plain."""
    found: list[str] = _WORD.findall(cell.replace("\u2019", "'"))
    return found


def expanded(word: str) -> list[str]:
    """Return a contraction's words, cased like it; another word alone."""
    full = CONTRACTIONS.get(word.lower()) if "'" in word else None
    if full is None:
        return [word]
    if word.isupper() and len(word.partition("'")[0]) > 1:
        return full.upper().split()
    first, *others = full.split()
    return [first.capitalize() if word[0].isupper() else first, *others]


def tokenizer(
    *, expand: bool, stop_words: Collection[str], stem: Stem | None, delimiter: str
) -> Callable[[str], str]:
    """Return text -> its words with the delimiter between them; the empty text for none.

    Contractions first, then stop words (in any case), then stems.
    """

    def tokenize(cell: str) -> str:
        found = words(cell)
        if expand:
            found = [part for word in found for part in expanded(word)]
        if stop_words:
            found = [word for word in found if word.casefold() not in stop_words]
        return delimiter.join(map(stem, found) if stem else found)

    return tokenize


def stemmer(mode: str) -> Stem:
    """Return word -> stem by NLTK's stemmer of that name; StepError when NLTK is not installed.

    A possessive 's is no part of a stem.
    """
    try:
        from nltk import stem  # type: ignore[import-untyped]  # it ships no types and has no stubs
    except ModuleNotFoundError:
        reason = "stemmingMode needs NLTK; install cleanroom-pipeline[text]"
        raise StepError(reason) from None
    made = {"PORTER": stem.PorterStemmer, "LANCASTER": stem.LancasterStemmer}[mode]()
    # Lancaster's rules are read at the first word; two threads must not do it at once.
    made.stem("")

    @lru_cache(maxsize=_KNOWN_WORDS)
    def stem_of(word: str) -> str:
        return str(made.stem(word.lower().removesuffix("'s")))

    return stem_of


def _custom_stop_words(value: str | None) -> list[str] | None:
    """Return the words of a JSON list, or None when it is none."""
    try:
        read = json.loads(value or "[]")
    except ValueError:
        return None
    fits = isinstance(read, list) and all(isinstance(one, str) for one in read)
    return read if fits else None


def _check(values: Mapping[str, Any]) -> Iterable[str]:
    own, mode = _custom_stop_words(values["customStopWords"]), values["stopWordRemovalMode"]
    if own is None:
        yield "parameter 'customStopWords' is not a JSON list of texts"
    elif own and mode == "NONE":
        yield "customStopWords need a stopWordRemovalMode: DEFAULT or CUSTOM"
    elif not own and mode == "CUSTOM":
        yield "stopWordRemovalMode CUSTOM needs customStopWords"
    for name in ("tokenizerPattern", "stopWordsMode"):
        if values[name] is not None:
            yield f"parameter {name!r} is refused: AWS does not say what it does"


@operation(
    "TOKENIZATION",
    Status.INFERRED,
    "The words of a text in a new column, with the delimiter between them. AWS gives no rules; "
    "ours: a word is a run of letters, marks and digits of any script with apostrophes inside, all "
    "else is left out. Expanded contractions are those of English pronouns and auxiliaries "
    "(can't: can not; 'd: would; 's: is). stopWordRemovalMode DEFAULT leaves out our own list of "
    "English function words and customStopWords, CUSTOM only customStopWords, in any case. A "
    "stemmingMode gives NLTK's stems, in lower case and without a possessive 's; it needs the "
    "extra cleanroom-pipeline[text]. Null gives null, a text without words the empty text.",
    SOURCE,
    TARGET,
    Parameter("delimiter", Kind.TEXT, "what stands between two words", default=" "),
    Parameter(
        "expandContractions",
        Kind.CHOICE,
        "whether don't becomes do not",
        default="DISABLED",
        choices=("ENABLED", "DISABLED"),
    ),
    Parameter(
        "stemmingMode",
        Kind.CHOICE,
        "which stems words are cut to",
        default="NONE",
        choices=("PORTER", "LANCASTER", "NONE"),
    ),
    Parameter(
        "stopWordRemovalMode",
        Kind.CHOICE,
        "which words are left out",
        default="NONE",
        choices=("DEFAULT", "CUSTOM", "NONE"),
    ),
    Parameter("customStopWords", Kind.TEXT, "words to leave out, as a JSON list"),
    Parameter("tokenizerPattern", Kind.TEXT, "refused: AWS does not say what it does"),
    Parameter("stopWordsMode", Kind.TEXT, "refused: AWS does not say what it does"),
    tier=3,
    check=_check,
)
def tokenization(call: Call, frame: Frame) -> Frame:
    """Split into words."""
    own = {word.casefold() for word in _custom_stop_words(call["customStopWords"]) or ()}
    default = STOP_WORDS if call["stopWordRemovalMode"] == "DEFAULT" else frozenset()
    mode = call["stemmingMode"]
    tokenize = tokenizer(
        expand=call["expandContractions"] == "ENABLED",
        stop_words=default | own,
        stem=None if mode == "NONE" else stemmer(mode),
        delimiter=call["delimiter"],
    )
    made = cell_function(function_name(call), tokenize)
    tree = function(made.name, text(frame.column(call.source)))
    return new_column(call, frame, tree, functions=[made])
