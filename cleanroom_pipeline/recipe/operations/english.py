"""English words that TOKENIZATION knows: function words and contractions.

Here: the lists, written for this project from the grammar's closed classes (articles, pronouns,
prepositions, conjunctions, auxiliaries, a few adverbs). Not here: splitting a text (tokens.py).
AWS does not publish its lists.
"""

from collections.abc import Mapping

STOP_WORDS = frozenset(
    (
        "a an the "
        "i me my mine myself we us our ours ourselves you your yours yourself yourselves "
        "he him his himself she her hers herself it its itself they them their theirs themselves "
        "this that these those who whom whose which what "
        "about above after against at before below between by down during for from in into of off "
        "on onto out over through to under until up upon with within without "
        "and but or nor so yet if because as while than although though unless "
        "am is are was were be been being have has had having do does did doing "
        "can could may might must shall should will would "
        "not no all any both each few more most other some such only own same too very "
        "again further then once here there when where why how just also"
    ).split()
)

# "not" parts from its verb; these verbs change with it.
_CHANGED = {"won't": "will not", "can't": "can not", "shan't": "shall not", "ain't": "is not"}
_WHOLE = {"let's": "let us", "y'all": "you all"}
_NEGATED = (
    "are could did do does had has have is might must need ought should was were would"
).split()
_PRONOUNS = "i you he she it we they".split()
_POINTING = "that there here who what where when why how".split()
_ENDINGS = {"'m": "am", "'re": "are", "'ve": "have", "'ll": "will", "'d": "would", "'s": "is"}


def _contractions() -> dict[str, str]:
    made = {f"{verb}n't": f"{verb} not" for verb in _NEGATED}
    for word in (*_PRONOUNS, *_POINTING):
        made |= {word + ending: f"{word} {full}" for ending, full in _ENDINGS.items()}
    made |= {f"{verb}'ve": f"{verb} have" for verb in ("could", "might", "must", "should", "would")}
    return made | _CHANGED | _WHOLE


# 'd is read as would and 's as is: which of two verbs it is only the sentence tells.
CONTRACTIONS: Mapping[str, str] = _contractions()
