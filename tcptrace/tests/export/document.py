"""Runs what docs/export.md has: the Python blocks, and each SQL block in DuckDB and DataFusion.

document.py PAGE, in the folder in which `exported` is. Prints JSON: {engine: {heading: [row, …]}}.
"""

import json
import sys
from pathlib import Path

import pyarrow


def blocks(page):
    """Yields (heading, language, code)."""
    heading, language, code = None, None, []
    for line in page.splitlines():
        if language is None and line.startswith("## "):
            heading = line.removeprefix("## ")
        elif line.startswith("```") and language is None:
            language, code = line.removeprefix("```"), []
        elif line.startswith("```"):
            yield heading, language, "\n".join(code)
            language = None
        elif language is not None:
            code.append(line)


def rows(table):
    """Of an Arrow table; times in nanoseconds since 1970."""
    for index, field in enumerate(table.schema):
        if pyarrow.types.is_timestamp(field.type):
            times = table.column(index).cast(pyarrow.timestamp("ns", "UTC"))
            table = table.set_column(index, field.name, times.cast(pyarrow.int64()))
    return table.to_pylist()


def main():
    found = list(blocks(Path(sys.argv[1]).read_text()))
    page = {}
    for _, language, code in found:
        if language == "python":
            exec(code, page)
    told = {"duckdb": {}, "datafusion": {}}
    for heading, language, query in found:
        if language == "sql":
            told["duckdb"][heading] = rows(page["duckdb"].sql(query).to_arrow_table())
            told["datafusion"][heading] = rows(page["session"].sql(query).to_arrow_table())
    told["polars"] = {"time_waits": rows(page["time_waits"].to_arrow())}
    # Sums are of a type that JSON has not.
    json.dump(told, sys.stdout, default=float)


main()
