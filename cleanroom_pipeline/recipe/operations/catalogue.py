"""Every operation AWS documents, by family and tier, and why some are refused.

Here: the names, and the reason for each that no module implements. Not here: implementations.

Tier 1 is what marketing recipes use, tier 2 the rest that has a plain meaning, tier 3 what is rare
or leaves much to choose: nested types, ciphers, detected types, steps of an interactive session.
"""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Known:
    """An operation of AWS's: its family, its tier, and why it is refused, if it is."""

    family: str
    tier: int
    reason: str | None = None


def _names(text: str) -> list[str]:
    return text.split()


_FAMILIES: Mapping[tuple[str, int], list[str]] = {
    ("basic", 1): _names(
        "CHANGE_DATA_TYPE DELETE DUPLICATE MOVE_AFTER MOVE_BEFORE MOVE_TO_END MOVE_TO_INDEX "
        "MOVE_TO_START RENAME SORT TO_BOOLEAN_COLUMN TO_DOUBLE_COLUMN TO_NUMBER_COLUMN "
        "TO_STRING_COLUMN"
    ),
    ("basic", 3): _names("JSON_TO_STRUCTS"),
    ("data cleaning", 1): _names(
        "CAPITAL_CASE FORMAT_DATE LOWER_CASE UPPER_CASE SENTENCE_CASE ADD_PREFIX ADD_SUFFIX "
        "EXTRACT_PATTERN REMOVE_COMBINED REPLACE_TEXT"
    ),
    ("data cleaning", 2): _names(
        "ADD_DOUBLE_QUOTES ADD_SINGLE_QUOTES EXTRACT_BETWEEN_DELIMITERS EXTRACT_BETWEEN_POSITIONS "
        "EXTRACT_VALUE REPLACE_BETWEEN_DELIMITERS REPLACE_BETWEEN_POSITIONS"
    ),
    ("data quality", 1): _names(
        "DELETE_DUPLICATE_ROWS REMOVE_DUPLICATES REMOVE_MISSING FILL_WITH_AVERAGE FILL_WITH_CUSTOM "
        "FILL_WITH_EMPTY FILL_WITH_LAST_VALID FILL_WITH_MEDIAN FILL_WITH_MODE "
        "FILL_WITH_MOST_FREQUENT FILL_WITH_NULL"
    ),
    ("data quality", 2): _names(
        "FLAG_DUPLICATE_ROWS FLAG_DUPLICATES_IN_COLUMN REMOVE_INVALID FILL_WITH_SUM "
        "REPLACE_WITH_AVERAGE REPLACE_WITH_CUSTOM REPLACE_WITH_EMPTY REPLACE_WITH_LAST_VALID "
        "REPLACE_WITH_MEDIAN REPLACE_WITH_MODE REPLACE_WITH_MOST_FREQUENT REPLACE_WITH_NULL "
        "REPLACE_WITH_ROLLING_AVERAGE REPLACE_WITH_ROLLING_SUM REPLACE_WITH_SUM"
    ),
    ("data quality", 3): _names(
        "ADVANCED_DATATYPE_FILTER ADVANCED_DATATYPE_FLAG EXTRACT_ADVANCED_DATATYPE_DETAILS "
        "GET_ADVANCED_DATATYPE"
    ),
    ("pii", 1): _names(
        "CRYPTOGRAPHIC_HASH MASK_CUSTOM MASK_DATE MASK_DELIMITER MASK_RANGE "
        "REPLACE_WITH_RANDOM_BETWEEN SHUFFLE_ROWS"
    ),
    ("pii", 2): _names(
        "DETERMINISTIC_DECRYPT DETERMINISTIC_ENCRYPT REPLACE_WITH_RANDOM_DATE_BETWEEN"
    ),
    ("pii", 3): _names("DECRYPT ENCRYPT"),
    ("outliers", 2): _names("FLAG_OUTLIERS REMOVE_OUTLIERS REPLACE_OUTLIERS"),
    ("outliers", 3): _names("RESCALE_OUTLIERS_WITH_Z_SCORE RESCALE_OUTLIERS_WITH_SKEW"),
    ("column structure", 1): _names(
        "FLAG_COLUMN_FROM_NULL FLAG_COLUMN_FROM_PATTERN MERGE SPLIT_COLUMN_SINGLE_DELIMITER"
    ),
    ("column structure", 2): _names(
        "BOOLEAN_OPERATION CASE_OPERATION SPLIT_COLUMN_BETWEEN_DELIMITER "
        "SPLIT_COLUMN_BETWEEN_POSITIONS SPLIT_COLUMN_FROM_END SPLIT_COLUMN_FROM_START "
        "SPLIT_COLUMN_MULTIPLE_DELIMITER SPLIT_COLUMN_WITH_INTERVALS"
    ),
    ("column formatting", 1): _names("FORMAT_PHONE_NUMBER"),
    ("column formatting", 3): _names("NUMBER_FORMAT"),
    ("data structure", 1): _names("GROUP_BY"),
    ("data structure", 2): _names("JOIN PIVOT UNION UNPIVOT"),
    ("data structure", 3): _names(
        "NEST_TO_ARRAY NEST_TO_MAP NEST_TO_STRUCT UNNEST_ARRAY UNNEST_MAP UNNEST_STRUCT "
        "UNNEST_STRUCT_N TRANSPOSE SCALE"
    ),
    ("data science", 1): _names("CATEGORICAL_MAPPING"),
    ("data science", 2): _names("BINARIZATION BUCKETIZATION ONE_HOT_ENCODING"),
    ("data science", 3): _names("SKEWNESS TOKENIZATION"),
    ("math", 2): _names(
        "ABSOLUTE ADD CEILING DEGREES DIVIDE EXPONENT FLOOR IS_EVEN IS_ODD LN LOG MOD MULTIPLY "
        "NEGATE PI POWER RADIANS RANDOM RANDOM_BETWEEN ROUND SIGN SQUARE_ROOT SUBTRACT"
    ),
    ("aggregate", 2): _names(
        "ANY AVERAGE COUNT COUNT_DISTINCT KTH_LARGEST KTH_LARGEST_UNIQUE MAX MEDIAN MIN MODE "
        "STANDARD_DEVIATION SUM VARIANCE"
    ),
    ("text", 2): _names(
        "CHAR ENDS_WITH EXACT FIND LEFT LEN LOWER MERGE_COLUMNS_AND_VALUES PROPER REMOVE_SYMBOLS "
        "REMOVE_WHITESPACE REPEAT_STRING RIGHT RIGHT_FIND STARTS_WITH STRING_GREATER_THAN "
        "STRING_GREATER_THAN_EQUAL STRING_LESS_THAN STRING_LESS_THAN_EQUAL SUBSTRING TRIM UNICODE "
        "UPPER"
    ),
    ("date", 1): _names("DATE_FORMAT TODAY YEAR"),
    ("date", 2): _names(
        "CONVERT_TIMEZONE DATE DATE_ADD DATE_DIFF DATE_TIME DAY HOUR MILLISECOND MINUTE MONTH "
        "MONTH_NAME NOW QUARTER SECOND TIME UNIX_TIME UNIX_TIME_FORMAT WEEK_DAY WEEK_NUMBER"
    ),
    ("window", 2): _names(
        "FILL NEXT PREV ROLLING_AVERAGE ROLLING_COUNT_A ROLLING_KTH_LARGEST "
        "ROLLING_KTH_LARGEST_UNIQUE ROLLING_MAX ROLLING_MIN ROLLING_MODE "
        "ROLLING_STANDARD_DEVIATION ROLLING_SUM ROLLING_VARIANCE ROW_NUMBER"
    ),
    ("window", 3): _names("SESSION"),
    ("web", 2): _names("INT_TO_IP IP_TO_INT URL_PARAMS"),
    ("other", 2): _names("COALESCE"),
    ("other", 3): _names("GET_ACTION_RESULT GET_STEP_DATAFRAME"),
    ("undocumented filter", 1): _names("REMOVE_VALUES"),
}

REFUSED: Mapping[str, str] = {
    "GET_ACTION_RESULT": "it belongs to an interactive DataBrew session",
    "GET_STEP_DATAFRAME": "it belongs to an interactive DataBrew session",
    "GET_ADVANCED_DATATYPE": (
        "it tells a person in an interactive session the type of a column, and changes no data"
    ),
    "SCALE": "AWS publishes neither its parameters nor what it does",
}

OPERATIONS: Mapping[str, Known] = {
    name: Known(family, tier, REFUSED.get(name))
    for (family, tier), names in _FAMILIES.items()
    for name in names
}
