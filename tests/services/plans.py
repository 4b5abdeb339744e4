"""How a database finds the rows of a query: which tables it reads, by which indexes."""

from __future__ import annotations

import json
import re

from django.db import connections
from django.test.utils import CaptureQueriesContext

#: A step of SQLite's plan that reads a table: its name in the query, and the index.
STEP = re.compile(r"(SEARCH|SCAN) (\S+)(?:.* INDEX (\S+))?.*")
PRIMARY_KEY = "PRIMARY KEY"  # of SQLite, which has no index for it
#: Names in the queries, where they are not the names of the tables.
TABLES = {"entry": "layer_identity_layeruser"}


def plan_of(alias, call):
    """
    Return how the queries of a call find rows, sorted, each once.

    ``layer_identity_layeruser (app_id, digest)`` is an index with these columns.
    ``all of layer_identity_layeruser`` means that the table, or one of its indexes, is
    read from its beginning. Other tables than those of the package are left out.
    """
    connection = connections[alias]
    with CaptureQueriesContext(connection) as captured:
        call()
    steps = {"sqlite": _sqlite, "postgresql": _postgresql, "mysql": _mysql}
    found = {
        (TABLES.get(table, table), index)
        for query in captured.captured_queries
        if query["sql"].startswith(("SELECT", "UPDATE", "WITH"))
        for table, index in steps[connection.vendor](connection, query["sql"])
    }
    return sorted(
        f"{table} ({', '.join(_columns(connection, table, index))})"
        if index
        else f"all of {table}"
        for table, index in found
        if table.startswith("layer_identity")
    )


def _explain(connection, explain, sql):
    with connection.cursor() as cursor:
        cursor.execute(f"{explain} {sql}")
        return cursor.fetchall()


def _sqlite(connection, sql):
    for *_, text in _explain(connection, "EXPLAIN QUERY PLAN", sql):
        if step := STEP.fullmatch(text):
            kind, table, index = step.groups()
            yield table, (index or PRIMARY_KEY) if kind == "SEARCH" else None


def _postgresql(connection, sql):
    [[plan]] = _explain(connection, "EXPLAIN (FORMAT JSON)", sql)
    [root] = json.loads(plan) if isinstance(plan, str) else plan
    return _scans(root["Plan"])


def _scans(node, table=None):
    table = node.get("Relation Name", table)
    if "Index Name" in node:
        is_search = "Index Cond" in node
        yield table, node["Index Name"] if is_search else None
    elif node["Node Type"] == "Seq Scan":
        yield table, None
    for part in node.get("Plans", ()):
        yield from _scans(part, table)


def _mysql(connection, sql):
    for _, _, table, kind, _, key, *_ in _explain(connection, "EXPLAIN", sql):
        if table is not None:  # None: no table is read
            yield table, None if kind in ("ALL", "index") else key


def _columns(connection, table, index):
    if index == PRIMARY_KEY:
        return ["id"]
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":  # the indexes of constraints have other names
            cursor.execute(f"PRAGMA index_info({index})")
            return [name for *_, name in cursor.fetchall()]
        constraints = connection.introspection.get_constraints(cursor, table)
        return constraints[index]["columns"]
