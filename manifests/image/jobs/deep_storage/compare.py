"""Compares a published window with its source, row by row."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from .differences import NAMED, Differences, listed
from .errors import Failure, command, plural

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, Row

    from .layers import Layer

# The driver holds the differences. With more of them, the source is another one.
MOST_DIFFERENCES = 100_000


def compare(
    stored: DataFrame, expected: DataFrame, layer: Layer, day: str
) -> Differences:
    """Returns the differences between the rows of a window and of its source.

    Raises a failure if there are more differences than the driver should hold.
    """
    names = [column.name for column in layer.columns]
    ours = expected.select(*(F.col(n).alias(f"a_{n}") for n in names))
    theirs = stored.select(*(F.col(n).alias(f"b_{n}") for n in names))
    a, b = F.col(f"a_{layer.ident}"), F.col(f"b_{layer.ident}")
    changed = F.concat_ws(
        ", ",
        *(
            F.when(~F.col(f"a_{n}").eqNullSafe(F.col(f"b_{n}")), F.lit(n))
            for n in names
        ),
    )
    kind = F.when(b.isNull(), "late").when(a.isNull(), "lost").otherwise("altered")
    shown = re.findall(r"{(\w+)}", layer.label)
    found = (
        ours.join(theirs, a == b, "full_outer")
        .where(a.isNull() | b.isNull() | (changed != ""))
        .select(
            kind.alias("kind"),
            F.coalesce(a, b).cast("string").alias("ident"),
            changed.alias("changed"),
            *(
                F.coalesce(f"a_{n}", f"b_{n}").cast("string").alias(f"shown_{n}")
                for n in shown
            ),
        )
        .cache()
    )
    try:
        count = found.count()
        if count > MOST_DIFFERENCES:
            few = described(found.limit(NAMED).collect(), layer)
            texts = [text for kind in few.values() for text in kind.values()]
            raise too_many(layer, day, count, texts)
        rows = described(found.collect(), layer) if count else described([], layer)
    finally:
        found.unpersist()
    return Differences(rows["late"], rows["lost"], rows["altered"], [], [], [])


def described(found: list[Row], layer: Layer) -> dict[str, dict[str, str]]:
    """Returns a description of each difference, by its kind and identity."""
    shown = re.findall(r"{(\w+)}", layer.label)
    says = {
        "late": f"is in {layer.source} but not in {layer.name}",
        "lost": f"is in {layer.name} but not in {layer.source}",
        "altered": "has a different {}",
    }
    rows: dict[str, dict[str, str]] = {each: {} for each in says}
    for row in found:
        label = layer.label.format(**{n: row[f"shown_{n}"] for n in shown})
        text = says[row["kind"]].format(row["changed"])
        rows[row["kind"]][row["ident"]] = f"{label} {text}"
    return rows


def too_many(layer: Layer, day: str, count: int, texts: list[str]) -> Failure:
    """Returns the failure for more differences than a job compares."""
    return Failure(
        "data",
        f"Cannot confirm {layer.name} of {day}: it differs from {layer.source} in "
        f"{plural(count, 'row')}: {listed(texts, count)}. A job handles at most "
        f"{plural(MOST_DIFFERENCES, 'difference')}. Nothing was changed. Check whether "
        f"this is the wrong database, then run: {command(layer.name, '--date', day)}",
    )
