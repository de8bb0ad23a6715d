"""Which names Clean Rooms takes.

Here: patterns, forbidden names and prefixes, reserved words, a suggestion. Not here: a check.

Sources: the pattern of a column is that of `ColumnName` in botocore's Clean Rooms model; the rest
is https://docs.aws.amazon.com/clean-rooms/latest/sql-reference/sql-reference-naming-rules.html.
"""

import re

COLUMN = re.compile(r"[a-z0-9_](([a-z0-9_ ]+-)*([a-z0-9_ ]+))?")
DATABASE = re.compile(r"[a-zA-Z0-9_](([a-zA-Z0-9_]+-)*([a-zA-Z0-9_]+))?")
TABLE = re.compile(r"[a-zA-Z0-9_](([a-zA-Z0-9_ ]+-)*([a-zA-Z0-9_ ]+))?")
UNQUOTED = re.compile(r"[a-z][a-z0-9_]*")
LONGEST = 128
LONGEST_COLUMN = 127
LONGEST_TYPE = 255

FORBIDDEN_COLUMNS = frozenset({"oid", "tableoid", "xmin", "cmin", "xmax", "cmax", "ctid"})
FORBIDDEN_PREFIXES = (
    "padb_",
    "pg_",
    "stcs_",
    "stl_",
    "stll_",
    "stv_",
    "svcs_",
    "svl_",
    "svv_",
    "sys_",
    "systable_",
)
RESERVED = frozenset(
    """
    aes128 aes256 all allowoverwrite analyse analyze and any array as asc authorization az64 backup
    between binary blanksasnull both bytedict case cast check collate column constraint create
    credentials cross current_date current_time current_timestamp current_user current_user_id
    default deferrable deflate defrag delta distinct do else emptyasnull enable encode encrypt end
    except explicit false for foreign freeze from full globaldict256 grant group gzip having
    identity ignore ilike in initially inner intersect interval into is isnull join leading left
    like limit localtime localtimestamp luns lzo mostly16 mostly32 mostly8 natural new not notnull
    null nulls off offline offset oid old on only open or order outer overlaps parallel partition
    percent permissions pivot placing primary raw readratio recover references rejectlog resort
    respect restore right select session_user similar snapshot some sysdate system table tag tdes
    text255 text32k then timestamp to top trailing true truncatecolumns union unique unnest unpivot
    user using verbose wallet when where with without
    """.split()
)


def needs_quotes(name: str) -> bool:
    """Tell whether SQL takes the name in double quotes only."""
    return not UNQUOTED.fullmatch(name) or name in RESERVED


def suggestion(name: str) -> str:
    """Return a legal name that resembles `name`."""
    folded = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_") or "column"
    legal = folded if folded[0].isalpha() else f"c_{folded}"
    taken = legal in FORBIDDEN_COLUMNS | RESERVED or legal.startswith(FORBIDDEN_PREFIXES)
    return (f"c_{legal}" if taken else legal)[:LONGEST_COLUMN]
