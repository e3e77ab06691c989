"""Sums up exported files, in each program that reads them, as `tcptrace stats` does.

sums.py FOLDER. Prints JSON: {program: figures}, figures with the names of `stats -o json`.
"""

import json
import sys

import duckdb
import polars
from datafusion import SessionContext

COUNT = "SELECT count(*) AS n FROM transitions"
# A connection that comes to a listener leaves no LISTEN: the listener goes on listening.
LEFT = """
    SELECT "from" AS name, count(*) AS n, count(held_ns) AS known, max(held_ns) AS longest
    FROM transitions WHERE NOT ("from" = 'LISTEN' AND "to" = 'SYN_RECV') GROUP BY "from"
"""
ENTERED = """SELECT "to" AS name, count(*) AS n FROM transitions GROUP BY "to\""""
TIME_WAIT_ENDS = """
    SELECT reason AS name, count(*) AS n FROM transitions WHERE "from" = 'TIME_WAIT' GROUP BY reason
"""
ENDS = """
    SELECT "end" AS name, count(*) AS n FROM flows WHERE "end" IS NOT NULL GROUP BY "end\""""


def figures(ask):
    """By `ask`, which answers a query with dictionaries."""
    entered = {row["name"]: row["n"] for row in ask(ENTERED)}
    left = {row["name"]: row for row in ask(LEFT)}
    states = {
        name: {
            "entered": entered.get(name, 0),
            "left": left[name]["n"] if name in left else 0,
            "known": left[name]["known"] if name in left else 0,
            "longest": left[name]["longest"] if name in left else None,
        }
        for name in entered.keys() | left.keys()
        if name != "CLOSED"
    }
    return {
        "transitions": ask(COUNT)[0]["n"],
        "states": states,
        "ends": {row["name"]: row["n"] for row in ask(ENDS)},
        "time_wait_ends": {row["name"]: row["n"] for row in ask(TIME_WAIT_ENDS)},
    }


def in_duckdb(folder):
    for rows in ["flows", "transitions"]:
        duckdb.sql(f"CREATE VIEW {rows} AS FROM '{folder}/*/*/*.{rows}.parquet'")
    return figures(lambda query: duckdb.sql(query).to_arrow_table().to_pylist())


def in_datafusion(folder):
    session = SessionContext()
    for rows in ["flows", "transitions"]:
        session.register_parquet(rows, folder, file_extension=f".{rows}.parquet")
    return figures(lambda query: session.sql(query).to_arrow_table().to_pylist())


def in_polars(folder):
    files = {
        rows: polars.scan_parquet(f"{folder}/*/*/*.{rows}.parquet")
        for rows in ["flows", "transitions"]
    }
    tables = polars.SQLContext(files)
    return figures(lambda query: tables.execute(query, eager=True).to_dicts())


folder = sys.argv[1]
told = {
    "duckdb": in_duckdb(folder),
    "datafusion": in_datafusion(folder),
    "polars": in_polars(folder),
}
json.dump(told, sys.stdout)
