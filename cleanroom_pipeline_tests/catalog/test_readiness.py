import re
from typing import Any

import pyarrow as pa
import pytest
from botocore.loaders import Loader
from botocore.model import ServiceModel
from hypothesis import example, given
from hypothesis import strategies as st

from cleanroom_pipeline.catalog.readiness import (
    CHECKS,
    Check,
    Severity,
    TableFacts,
    TableFile,
    check_table,
    markdown,
)
from cleanroom_pipeline.catalog.readiness import names as rules
from cleanroom_pipeline.parquet_footer import Footer
from cleanroom_pipeline_tests.catalog.drafts import (
    CSV,
    FOOTER,
    JSON,
    Draft,
    Spoil,
    good_day,
    good_facts,
    keyed,
    other_serde,
    with_files,
)

SHORTEST_LONG_TYPE = "struct<" + ",".join([*["a:int"] * 40, "b:bigint"]) + ">"
LONGEST_GOOD_TYPE = SHORTEST_LONG_TYPE.replace("b:bigint", "b:float")
DEEP = "struct<a1:decimal(10,2),b:map<string,array<bigint>>>"

# The check that each fault is for, the checks that it can't but fail as well, and the fault.
FAULTS: list[tuple[str, set[str], Spoil]] = [
    ("LOC-1", set(), lambda d: d.storage.update(Location="hdfs://a/b/")),
    ("LOC-1", set(), lambda d: d.storage.update(Location="s3://b/file.parquet")),
    ("LOC-1", set(), lambda d: d.storage.update(Location="s3://b/folder")),
    ("LOC-1", set(), lambda d: d.storage.pop("Location")),
    ("LOC-2", set(), lambda d: d.files.clear()),
    ("LOC-2", set(), lambda d: d.files.__setitem__(0, TableFile("deep/part.parquet", 10, FOOTER))),
    ("LOC-2", {"LOC-3"}, lambda d: d.files.__setitem__(0, TableFile("", 0, None))),
    ("LOC-2", {"LOC-3"}, lambda d: d.files.__setitem__(0, TableFile("_a.parquet", 10, FOOTER))),
    ("LOC-3", {"FMT-2"}, lambda d: d.file("manifest.json", 5, None)),
    ("LOC-3", {"FMT-2"}, lambda d: d.file("_SUCCESS", 5, None)),
    ("LOC-3", set(), lambda d: d.file("_SUCCESS", 0, None)),
    ("LOC-3", set(), lambda d: d.file("part-00001.parquet", 0, None)),
    ("LOC-3", set(), lambda d: d.file(".part-00000.parquet.crc")),
    ("FMT-1", set(), lambda d: d.storage.update(SerdeInfo={"SerializationLibrary": "AvroSerDe"})),
    ("FMT-1", set(), lambda d: d.storage.pop("SerdeInfo")),
    ("FMT-2", set(), lambda d: d.file("part-00001.csv", 5, None)),
    ("FMT-7", set(), lambda d: d.fill(20)),
    ("FMT-7", set(), lambda d: d.file("big", 10**9 + 1)),
    ("TBL-1", set(), lambda d: d.table.pop("TableType")),
    ("TBL-1", set(), lambda d: d.table.update(TableType="VIRTUAL_VIEW")),
    ("TBL-2", {"COL-7"}, lambda d: d.storage.update(Columns=[])),
    ("TBL-2", {"COL-7"}, lambda d: d.storage.pop("Columns")),
    ("TBL-3", {"TBL-4"}, lambda d: d.table.update(Name="a.b")),
    ("TBL-3", {"TBL-4"}, lambda d: d.table.update(Name="aa--b")),
    ("TBL-3", {"TBL-4"}, lambda d: d.table.update(Name="a-b")),
    ("TBL-3", set(), lambda d: setattr(d, "database", "x" * 129)),
    ("TBL-4", set(), lambda d: d.table.update(Name="my-table")),
    ("TBL-4", set(), lambda d: d.table.update(Name="2026_customers")),
    ("TBL-4", set(), lambda d: setattr(d, "database", "union")),
    ("COL-1", set(), lambda d: d.column("Email")),
    ("COL-1", set(), lambda d: d.column("e.mail")),
    ("COL-1", set(), lambda d: d.column("straße")),
    ("COL-1", set(), lambda d: d.column("email\n")),
    ("COL-1", set(), lambda d: d.column("a--b")),
    ("COL-1", set(), lambda d: d.column("$path")),
    ("COL-1", set(), lambda d: d.column("e-mail")),
    ("COL-2", set(), lambda d: d.column("x" * 128)),
    ("COL-2", set(), lambda d: d.column("")),
    ("COL-3", set(), lambda d: d.column("ctid")),
    ("COL-4", set(), lambda d: d.column("pg_name")),
    ("COL-4", set(), lambda d: d.column("systable_x")),
    ("COL-5", set(), lambda d: d.column("user")),
    ("COL-5", set(), lambda d: d.column("first name")),
    ("COL-5", set(), lambda d: d.column("first-name")),
    ("COL-5", set(), lambda d: d.column("2nd")),
    ("COL-5", set(), lambda d: d.column("_id")),
    ("COL-6", set(), lambda d: d.column("email_hash")),
    ("COL-6", {"COL-1"}, lambda d: d.column("EMAIL_HASH")),
    (
        "COL-6",
        {"COL-10"},
        lambda d: d.table.update(PartitionKeys=[{"Name": "value", "Type": "string"}]),
    ),
    ("COL-7", set(), lambda d: d.storage["Columns"].reverse()),
    ("COL-7", {"COL-1"}, lambda d: d.storage["Columns"][1].update(Name="Value")),
    ("COL-7", set(), lambda d: d.storage["Columns"].append({"Name": "more", "Type": "string"})),
    ("COL-8", set(), lambda d: d.column("data", "binary", pa.binary())),
    ("COL-8", {"COL-10"}, lambda d: d.column("data", "BINARY")),
    ("COL-8", {"COL-10"}, lambda d: d.column("data", "int96")),
    ("COL-8", {"COL-10"}, lambda d: d.column("data", "array<uniontype<int,string>>")),
    ("COL-8", {"COL-10"}, lambda d: d.column("data", "struct<A b:binary>")),
    ("COL-8", {"COL-10"}, lambda d: d.column("data", "timestamp with time zone")),
    ("COL-8", {"COL-10"}, lambda d: d.column("data", "")),
    ("COL-8", {"COL-10"}, lambda d: d.storage["Columns"][1].pop("Type")),
    ("COL-8", set(), Draft.nanoseconds),
    ("COL-9", {"COL-10"}, lambda d: d.column("data", SHORTEST_LONG_TYPE)),
    ("COL-10", set(), lambda d: d.storage["Columns"][1].update(Type="int")),
    ("COL-10", set(), lambda d: d.column("data", "int", pa.uint32())),
    ("COL-10", set(), lambda d: d.column("price", "decimal(10,2)", pa.decimal128(10, 3))),
    ("PAR-1", set(), with_files()),
    ("PAR-1", set(), with_files(TableFile("deep/part.parquet", 10, FOOTER))),
    ("PAR-1", {"LOC-3"}, with_files(TableFile("_a.parquet", 10, FOOTER))),
    ("PAR-3", set(), lambda d: d.day("s3://transformed/tables/store/b/w/")),
    ("PAR-3", set(), lambda d: d.day("s3://elsewhere/tables/shop/b/w/")),
    ("PAR-3", {"PAR-6"}, lambda d: d.day("s3://transformed/tables/shop/")),
    ("PAR-4", set(), lambda d: d.table.update(PartitionKeys=[{"Name": "k", "Type": "double"}])),
    ("PAR-4", set(), keyed(("array<string>",), ["a"])),
    ("PAR-4", {"COL-8"}, keyed(("",), ["a"])),
    ("PAR-4", set(), lambda d: d.day(Values=["2026-11-31"])),
    ("PAR-4", set(), lambda d: d.day(Values=["20261124"])),
    ("PAR-4", set(), lambda d: d.day(Values=["2026-11-24 "])),
    ("PAR-4", set(), lambda d: d.day(Values=[])),
    ("PAR-4", set(), lambda d: d.day(Values=["2026-11-24", "2026-11-25"])),
    ("PAR-4", set(), keyed((), [])),
    ("PAR-4", set(), keyed(("int",), ["1.0"])),
    ("PAR-4", set(), keyed(("string",), [""])),
    ("PAR-5", {"COL-7"}, lambda d: d.day()["StorageDescriptor"]["Columns"].reverse()),
    ("PAR-5", set(), lambda d: d.day()["StorageDescriptor"]["Columns"][1].update(Type="int")),
    ("PAR-5", set(), other_serde),
    ("PAR-6", set(), lambda d: d.day("s3://transformed/tables/shop/a/w/")),
    ("PAR-6", set(), lambda d: d.day("s3://transformed/tables/shop/a/w/below/")),
    ("PAR-6", set(), lambda d: d.day("s3://transformed/tables/shop/a/")),
]

# What comes close to a check's fault, and is none.
NEAR_MISSES: list[tuple[str, Spoil]] = [
    ("LOC-1", lambda d: d.storage.update(Location="s3://bucket/")),
    ("LOC-2", lambda d: d.file("deep/part.parquet")),
    ("LOC-3", lambda d: d.file("part_1.success")),
    ("LOC-3", lambda d: d.other_format(JSON, "part.json")),
    ("FMT-1", lambda d: d.storage.update(SerdeInfo=CSV)),
    ("FMT-2", lambda d: d.other_format(CSV, "part.csv")),
    ("FMT-2", lambda d: d.file("part-without-a-suffix")),
    ("FMT-7", lambda d: d.fill(19)),
    ("FMT-7", lambda d: d.fill(50, 10**8)),
    ("FMT-7", lambda d: d.file("big", 10**9)),
    ("TBL-1", lambda d: d.table.update(Parameters={})),
    ("TBL-2", lambda d: d.storage["Columns"].pop()),
    ("TBL-3", lambda d: d.table.update(Name="my-table 1")),
    ("TBL-3", lambda d: setattr(d, "database", "x" * 128)),
    ("TBL-4", lambda d: d.table.update(Name="unions")),
    ("COL-1", lambda d: d.column("1st name-of_all")),
    ("COL-2", lambda d: d.column("x" * 127)),
    ("COL-2", lambda d: d.column("x")),
    ("COL-3", lambda d: d.column("oids")),
    ("COL-4", lambda d: d.column("pgname")),
    ("COL-4", lambda d: d.column("my_pg_name")),
    ("COL-5", lambda d: d.column("users")),
    ("COL-6", lambda d: d.table.update(PartitionKeys=[{"Name": "day", "Type": "string"}])),
    ("COL-7", lambda d: d.table.update(PartitionKeys=[{"Name": "day", "Type": "string"}])),
    ("COL-7", lambda d: d.file("deep/part.parquet", 10, Footer(pa.schema([]), 0))),
    ("COL-8", lambda d: d.column("data", DEEP)),
    ("COL-8", lambda d: d.column("data", "array<struct<Bin-ary:varchar(10),x y:char(2)>>")),
    ("COL-8", lambda d: d.column("data", "DOUBLE")),
    ("COL-9", lambda d: d.column("data", LONGEST_GOOD_TYPE)),
    ("COL-10", lambda d: d.column("data", "string", pa.dictionary(pa.int8(), pa.string()))),
    ("PAR-1", with_files(TableFile("x", 1, FOOTER), TableFile("deep/x", 1, FOOTER))),
    ("PAR-3", lambda d: d.day("s3://transformed/tables/shop/x/")),
    ("PAR-4", keyed(("string", "bigint", "int"), ["a b", "-1", "0"])),
    ("PAR-4", lambda d: d.day(Values=["2024-02-29"])),
    ("PAR-5", lambda d: d.day()["StorageDescriptor"]["Columns"][0].update(Comment="Another.")),
    ("PAR-6", lambda d: d.day("s3://transformed/tables/shop/a/w2/")),
]


def unobjectionable(name: str) -> bool:
    taken = rules.RESERVED | rules.FORBIDDEN_COLUMNS
    return len(name) <= rules.LONGEST_COLUMN and not (
        name in taken or name.startswith(rules.FORBIDDEN_PREFIXES)
    )


def ids_of(facts: TableFacts) -> set[str]:
    return {finding.check_id for finding in check_table(facts)}


def test_a_good_table_and_a_good_day_have_no_finding() -> None:
    assert check_table(good_facts()) == ()
    assert check_table(good_day()) == ()


@pytest.mark.parametrize(
    ("check_id", "spoil"), [(i, spoil) for i, _, spoil in FAULTS if not i.startswith("PAR")]
)
def test_what_is_wrong_with_a_table_is_wrong_with_a_partition_too(
    check_id: str, spoil: Spoil
) -> None:
    draft = Draft()
    spoil(draft)
    draft.day_of_this()
    assert {"LOC-2": "PAR-1"}.get(check_id, check_id) in ids_of(draft.facts())


@pytest.mark.parametrize(("check_id", "others", "spoil"), FAULTS)
def test_a_single_fault_is_found_by_its_check(
    check_id: str, others: set[str], spoil: Spoil
) -> None:
    draft = Draft()
    spoil(draft)
    assert ids_of(draft.facts()) == {check_id, *others}


@pytest.mark.parametrize(("check_id", "spoil"), NEAR_MISSES)
def test_what_comes_close_to_a_fault_is_none(check_id: str, spoil: Spoil) -> None:
    draft = Draft()
    spoil(draft)
    assert check_id not in ids_of(draft.facts())


def test_no_check_lacks_a_failing_or_a_passing_case_or_an_id_of_its_own() -> None:
    ids = [check.check_id for check in CHECKS]
    assert len(ids) == len(set(ids))
    assert set(ids) == {check_id for check_id, _, _ in FAULTS}
    assert set(ids) == {check_id for check_id, _ in NEAR_MISSES}


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: str(check.check_id))
def test_a_check_says_whose_rule_it_is_and_what_to_do(check: Check) -> None:
    assert check.source
    assert check.fix.endswith(".")
    assert check.find.__doc__ == f"{check.check_id}."


def test_the_longest_type_is_as_long_as_clean_rooms_takes() -> None:
    assert (len(LONGEST_GOOD_TYPE), len(SHORTEST_LONG_TYPE)) == (255, 256)


@pytest.mark.parametrize(
    ("pattern", "longest", "shape"),
    [
        (rules.COLUMN, rules.LONGEST_COLUMN, "AnalysisRuleColumnName"),
        (rules.DATABASE, rules.LONGEST, "GlueDatabaseName"),
        (rules.TABLE, rules.LONGEST, "GlueTableName"),
    ],
)
def test_names_are_those_of_clean_rooms_own_model(
    pattern: re.Pattern[str], longest: int, shape: str
) -> None:
    model: Any = ServiceModel(Loader().load_service_model("cleanrooms", "service-2"))
    metadata = model.shape_for(shape).metadata
    assert (pattern.pattern, longest) == (metadata["pattern"], metadata["max"])


@pytest.mark.parametrize(
    ("stack", "expected"),
    [
        ("stack", ["LOC-2", "TBL-1", "TBL-2", "TBL-4", "TBL-4"]),
        # Clean Rooms' pattern of a name wants two characters before the first hyphen.
        ("x", ["LOC-2", "TBL-1", "TBL-2", "TBL-3", "TBL-3", "TBL-4", "TBL-4"]),
    ],
)
def test_the_old_solutions_table_gives_what_it_deserves(stack: str, expected: list[str]) -> None:
    """Hyphenated, misspelt names, no TableType, no columns, a parent folder as its location."""
    table = {
        "Name": f"{stack}-transfrom-gluetable",
        "StorageDescriptor": {
            "Location": "s3://bucket/transform/",
            "SerdeInfo": good_facts().storage["SerdeInfo"],
        },
    }
    files = (TableFile("job_24Nov2026_1/part.parquet", 10, FOOTER),)
    findings = check_table(TableFacts(f"{stack}-transfrom-gluedb", table, files))
    assert [finding.check_id for finding in findings] == expected
    assert "only in deeper folders" in findings[0].message


@given(name=st.text(max_size=200))
@example(name="oid")
@example(name="PG_x")
@example(name="select")
@example(name="1")
@example(name="x" * 300)
@example(name="pg_" + "x" * 125)
def test_a_suggested_name_is_always_legal(name: str) -> None:
    draft = Draft()
    draft.column(rules.suggestion(name))
    assert ids_of(draft.facts()) <= {"COL-6"}


@given(name=st.from_regex(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", fullmatch=True).filter(unobjectionable))
def test_a_legal_name_is_its_own_suggestion(name: str) -> None:
    assert rules.suggestion(name) == name


def test_the_report_names_check_severity_finding_and_fix() -> None:
    draft = Draft()
    draft.table.pop("TableType")
    (finding,) = check_table(draft.facts())
    assert finding.severity is Severity.ERROR
    report = markdown((finding,))
    assert "| TBL-1 | E | TableType is None. | Set TableType to EXTERNAL_TABLE" in report
    assert markdown(()) == f"All {len(CHECKS)} checks passed."


@given(name=st.text(min_size=1))
def test_no_name_breaks_the_report(name: str) -> None:
    draft = Draft()
    draft.column(name)
    draft.file(f"_{name}", 5, None)
    findings = check_table(draft.facts())
    lines = markdown(findings).split("\n")
    assert len(lines) == 2 + len(findings)
    assert {len(re.findall(r"(?<!\\)(?:\\\\)*\|", line)) for line in lines} == {5}
