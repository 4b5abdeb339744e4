"""A query that is compiled to SQL once for each database alias, and run with new values."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db import connections
from django.db.models import Field, QuerySet

Row = Sequence[Any]


@dataclass(frozen=True)
class _Statement:
    """The SQL of a query, and what it takes to send and read it."""

    sql: str
    #: The parameters, with None in place of each value that changes. Such a value may be
    #: a person's e-mail address, so it must not be kept.
    parameters: Sequence[object]
    #: The position in the parameters of each value that changes.
    positions: Sequence[int]
    #: The columns that this kind of database does not return as Python values, and
    #: their positions.
    converted: Sequence[tuple[int, Any]]


class CompiledQuery:
    """
    A ``values_list()`` queryset with values that change at each use.

    Django compiles a queryset at each use, which takes much longer than the database
    needs for a row. Here, the SQL is kept. Only the SQL: the present connection sends
    it and converts the row, because connections belong to threads.

    :param build: returns the queryset for these values.
    :param fields: the model field with which each value is compared. If a value is not
        exactly one parameter of the SQL, Django compiles the query at each use.
    """

    def __init__(
        self, build: Callable[..., QuerySet[Any, Any]], *fields: Field[Any, Any]
    ) -> None:
        self._build = build
        self._fields = fields
        self._statements: dict[tuple[object, ...], _Statement] = {}

    def rows(self, using: str, *values: object) -> list[Row]:
        """Run the query in the database with this alias, and return its rows."""
        statement = self.compile(using, *values)
        if statement is None:
            return list(self._build(*values).using(using))
        parameters: list[Any] = list(statement.parameters)
        for position, value in zip(
            statement.positions, self._prepared(using, values), strict=True
        ):
            parameters[position] = value
        connection = connections[using]
        with connection.cursor() as cursor:
            cursor.execute(statement.sql, parameters)
            rows = cursor.fetchall()
        return [_converted(row, statement, connection) for row in rows]

    def compile(self, using: str, *values: object) -> _Statement | None:
        """
        Return the kept SQL for this alias; compile it if that was not done before.

        :returns: None if the values cannot be told apart in the SQL.
        """
        # Which columns are converted depends on the kind of database and on USE_TZ.
        key = (using, connections[using].vendor, settings.USE_TZ)
        if key not in self._statements:
            statement = self._compile(using, values)
            if statement is None:
                return None
            self._statements[key] = statement
        return self._statements[key]

    def _compile(self, using: str, values: Sequence[object]) -> _Statement | None:
        compiler = self._build(*values).query.get_compiler(using)
        sql, found = compiler.as_sql()
        parameters: list[object] = list(found)
        positions = []
        for value in self._prepared(using, values):
            same = [
                position
                for position, parameter in enumerate(parameters)
                # The type too, because True == 1.
                if type(parameter) is type(value) and parameter == value
            ]
            if len(same) != 1:
                return None
            positions += same
        for position in positions:
            parameters[position] = None
        columns = [column for column, *_ in compiler.select]
        converted = list(compiler.get_converters(columns))
        return _Statement(
            sql, parameters, positions, [(place, columns[place]) for place in converted]
        )

    def _prepared(self, using: str, values: Sequence[object]) -> list[Any]:
        """Return the values as Django passes them to the database."""
        connection = connections[using]
        return [
            field.get_db_prep_value(field.get_prep_value(value), connection, True)
            for field, value in zip(self._fields, values, strict=True)
        ]


def _converted(row: Row, statement: _Statement, connection: Any) -> Row:
    """Convert each value as Django's compiler does."""
    values = list(row)
    for place, column in statement.converted:
        for convert in (
            *connection.ops.get_db_converters(column),
            *column.get_db_converters(connection),
        ):
            values[place] = convert(values[place], column, connection)
    return values
