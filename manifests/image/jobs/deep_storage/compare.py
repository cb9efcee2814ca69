"""Compares a published window with its source, row by row."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from .differences import Differences

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from .layers import Layer


def compare(stored: DataFrame, expected: DataFrame, layer: Layer) -> Differences:
    """Returns the differences between the rows of a window and of its source."""
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
        .collect()
    )
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
    return Differences(rows["late"], rows["lost"], rows["altered"], [], [], [])
