"""The marketing recipe written by hand, in DuckDB's SQL and for Spark.

Here: what somebody would write who knows the engine. Not here: our engine and pandas
(contestants.py), or timing.

Spark is measured where the package `pyspark` and Java are installed; neither is a dependency.
"""

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

MEMORY = "1GB"

# Two passes: the first row of each key by its hash, then everything else over those rows alone.
_STAGE = """
CREATE TEMP TABLE stage AS
SELECT customer_id, email, phone, first_name, last_name, birthdate, state, signup, amount, opt_in
FROM read_csv($source, all_varchar = true, header = true, nullstr = '')
"""
_FIRST = """
CREATE TEMP TABLE first_rows AS
SELECT min(rowid) AS place FROM stage GROUP BY hash(customer_id)
"""
_RESULT = """
SELECT
  customer_id,
  keyed_hash(lower(trim(email, ' ' || chr(9) || chr(10) || chr(13)))) AS email,
  keyed_hash(regexp_replace(phone, '[^0-9A-Za-z]', '', 'g')) AS phone,
  first_name,
  last_name[1:1] || repeat('#', greatest(least(length(last_name), 6) - 1, 0)) || last_name[7:]
    AS last_name,
  '####/' || replace(birthdate[6:], '-', '/') AS birthdate,
  state,
  strftime(TRY_CAST(signup AS TIMESTAMP), '%m/%d/%Y') AS signup,
  TRY_CAST(amount AS DOUBLE) AS amount,
  opt_in AS consent,
  CASE state WHEN 'NY' THEN 'New York' WHEN 'CA' THEN 'California' WHEN 'TX' THEN 'Texas'
    WHEN 'WA' THEN 'Washington' ELSE 'Other' END AS state_name
FROM stage WHERE rowid IN (SELECT place FROM first_rows)
"""


def run_sql(source: Path, target: Path, keyed_hash: Callable[[Any], Any]) -> None:
    """Do the same steps in DuckDB's SQL, in bounded memory; the hash is a function over Arrow."""
    import duckdb
    import pyarrow.parquet as pq
    from duckdb.func import PythonUDFType

    target.mkdir(parents=True, exist_ok=True)
    with duckdb.connect() as connection:
        connection.execute("SET memory_limit = $limit", {"limit": MEMORY})
        connection.execute("SET temp_directory = $folder", {"folder": str(target / "spill")})
        connection.create_function(
            "keyed_hash", keyed_hash, ["VARCHAR"], "VARCHAR", type=PythonUDFType.ARROW
        )
        connection.execute(_STAGE, {"source": str(source)})
        connection.execute(_FIRST)
        reader = connection.sql(_RESULT).to_arrow_reader(122_880)
        path = target / "part-00000.parquet"
        with pq.ParquetWriter(path, reader.schema, compression="zstd") as writer:
            for batch in reader:
                writer.write_batch(batch)
        connection.remove_function("keyed_hash")


def spark_is_here() -> bool:
    """Say whether the Spark contestant can run."""
    from importlib.util import find_spec
    from shutil import which

    return find_spec("pyspark") is not None and which("java") is not None


def run_spark(source: Path, target: Path, make_hash: Callable[[], Callable[[str], str]]) -> None:
    """Do the same steps in PySpark on two cores; the hash is a pandas function: Spark has none."""
    import pandas as pd
    from pyspark.sql import SparkSession, Window
    from pyspark.sql import functions as F  # noqa: N812 - Spark's own custom
    from pyspark.sql.functions import pandas_udf

    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    spark = (
        SparkSession.builder.master("local[2]")
        .config("spark.driver.memory", "4g")
        .config("spark.sql.shuffle.partitions", "8")
        .config("spark.ui.enabled", "false")
        .config("spark.sql.ansi.enabled", "false")
        .config("spark.sql.parquet.compression.codec", "zstd")
        .getOrCreate()
    )
    spark.sparkContext.setLogLevel("ERROR")

    @pandas_udf("string")  # type: ignore[untyped-decorator]  # pyspark is not installed
    def hashed(values: pd.Series) -> pd.Series:
        return values.map(make_hash(), na_action="ignore")

    column = F.col
    names = {"NY": "New York", "CA": "California", "TX": "Texas", "WA": "Washington"}
    state_name = F.lit("Other")
    for short, long in names.items():
        state_name = F.when(column("state") == short, long).otherwise(state_name)
    hidden = F.greatest(F.least(F.length("last_name"), F.lit(6)) - 1, F.lit(0))
    frame = spark.read.csv(str(source), header=True, nullValue="")
    frame = frame.drop("notes", "legacy").withColumn("place", F.monotonically_increasing_id())
    window = Window.partitionBy("customer_id").orderBy("place")
    frame = frame.withColumn("nth", F.row_number().over(window)).where("nth = 1")
    frame.select(
        "customer_id",
        hashed(F.lower(F.trim("email"))).alias("email"),
        hashed(F.regexp_replace("phone", "[^0-9A-Za-z]", "")).alias("phone"),
        "first_name",
        F.concat(
            F.substring("last_name", 1, 1),
            F.rpad(F.lit(""), hidden, "#"),
            F.expr("substring(last_name, 7)"),
        ).alias("last_name"),
        F.concat(
            F.lit("####/"), F.replace(F.expr("substring(birthdate, 6)"), F.lit("-"), F.lit("/"))
        ).alias("birthdate"),
        "state",
        F.date_format(F.try_to_timestamp("signup"), "MM/dd/yyyy").alias("signup"),
        F.expr("try_cast(amount AS DOUBLE)").alias("amount"),
        column("opt_in").alias("consent"),
        state_name.alias("state_name"),
    ).write.parquet(str(target))
    spark.stop()
