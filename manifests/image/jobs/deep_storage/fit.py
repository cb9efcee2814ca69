"""SQL conditions for the rows of the outbox that Parquet can hold."""

from __future__ import annotations

import re
from typing import Collection

from .contract import EVENTS, Column

# Rows whose occurred_at is null or outside the years 1 to 9999.
NO_VALID_TIME = (
    "(occurred_at IS NULL OR occurred_at < timestamptz '0001-01-01T00:00:00Z' OR "
    "occurred_at >= timestamptz '10000-01-01T00:00:00Z')"
)


def unfit_row_condition(wider: Collection[str]) -> str:
    """Returns the condition for rows that do not fit the contract, never null.

    `wider` names the columns whose Postgres type is wider than Parquet's.
    """
    return f"(({' OR '.join(test for _, test in misfit_conditions(wider))}) IS TRUE)"


def misfit_conditions(wider: Collection[str]) -> list[tuple[Column, str]]:
    """Returns the condition of each column for values that do not fit."""
    found = []
    for column in EVENTS:
        name, decimal = column.name, digits(column)
        if decimal is None:
            if not column.nullable:
                found.append((column, f"{name} IS NULL"))
        elif name in wider:
            before, after = decimal
            # NaN sorts above every number, so this condition includes NaN.
            test = f"abs({name}) >= 1e{before} OR {name} <> trunc({name}, {after})"
            found.append((column, f"({test})"))
        else:
            found.append((column, f"({name} = 'NaN')"))
    return found


def explain_misfit(column: Column, text: str | None) -> str:
    """Explains why a value does not fit. `text` is its text in Postgres."""
    if text is None:
        return "is null"
    if text == "NaN":
        return "is NaN"
    if text.endswith("Infinity"):
        return "is infinite"
    before, after = digits(column) or (0, 0)
    whole = re.sub(r"^-?0*", "", text).partition(".")[0]
    if len(whole) > before:
        return f"has more than {before} digits before the point"
    return f"has more than {after} decimals"


def digits(column: Column) -> tuple[int, int] | None:
    """Returns the number of digits of a decimal before and after the point."""
    decimal = re.fullmatch(r"DECIMAL\((\d+),(\d+)\)", column.type)
    if decimal is None:
        return None
    precision, scale = int(decimal[1]), int(decimal[2])
    return precision - scale, scale
