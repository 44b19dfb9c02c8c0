"""A look at the first rows of every input before a run: are the columns there, which are carried along?"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Any

from cuoshi.classifier.annotate.inputs import Input
from cuoshi.classifier.annotate.plan import Plan
from cuoshi.classifier.annotate.units import ARTICLE, PARAGRAPH, carried
from cuoshi.classifier.errors import ReadingError, UsageError
from cuoshi.classifier.rows import ByteSource, Row, read_rows, table_format
from cuoshi.classifier.rows.source import STDIN

_ROWS = 100


def peek(inputs: Sequence[Input], plan: Plan) -> list[str]:
    """The names of the columns that the output will carry, as far as the first rows tell.

    Raises:
        UsageError: a table has no column for the text, or none for the ids where one was named.
        MissingExtraError: an input is Parquet, and pyarrow is not installed.
    """
    names: dict[str, None] = {}
    taken = {plan.text_column, plan.id_column or "id"}
    for each in inputs:
        if each.kind != "table" or each.path == STDIN or each.size is None:
            continue
        columns = _columns(each, plan)
        if columns:
            _check(each, columns, plan)
        names |= dict.fromkeys(carried({name: None for name in columns if name not in taken}))
    articles = any(each.kind == "article" for each in inputs)
    if articles:
        names |= dict.fromkeys(ARTICLE)
    if articles or plan.paragraphs:
        names |= dict.fromkeys(PARAGRAPH)
    return list(names)


def parquet_types(inputs: Iterable[Input], plan: Plan) -> dict[str, Any]:
    """Arrow types of carried columns, where all inputs are Parquet and agree on them."""
    from cuoshi.classifier.rows.parquet import parquet_schema

    found: dict[str, set[Any]] = {}
    for each in inputs:
        if each.kind != "table" or table_format(each.path) != "parquet":
            return {}
        schema = parquet_schema(each.path)
        for name, field in zip(carried(dict.fromkeys(schema.names)), schema, strict=True):
            found.setdefault(name, set()).add(field.type)
    taken = {plan.text_column, plan.id_column or "id"}
    return {name: types.pop() for name, types in found.items() if len(types) == 1 and name not in taken}


def _columns(each: Input, plan: Plan) -> list[str]:
    if table_format(each.path) == "parquet":
        from cuoshi.classifier.rows.parquet import parquet_schema

        try:
            return list(parquet_schema(each.path).names)
        except ReadingError:
            return []  # the run lists it among the rejects
    found: dict[str, None] = {}
    try:
        with ByteSource(each.path, each.size) as source:
            for row in islice(read_rows(source, encoding=plan.encoding), _ROWS):
                if isinstance(row, Row):
                    found |= dict.fromkeys(row.values)
                    if table_format(each.path) != "jsonl":
                        break
    except ReadingError:
        pass
    return list(found)


def _check(each: Input, columns: Sequence[str], plan: Plan) -> None:
    wanted = [(plan.text_column, "--text-column")]
    if plan.id_column is not None:
        wanted.append((plan.id_column, "--id-column"))
    for name, option in wanted:
        if name not in columns:
            shown = ", ".join(columns[:20])
            raise UsageError(f"{each.name}: no column '{name}'; name one of these with {option}: {shown}")
