"""Reads the name of the outbox's table as SQL does, and writes it for SQL."""

from __future__ import annotations

import re

LONGEST = 63
# A schema and a table.
MOST = 2
PART = re.compile(r'(?:"((?:[^"]|"")*)"|([^\s".]*))(\.|\Z)')

# The words that Postgres does not accept as the name of a table without quotes.
RESERVED = frozenset(
    re.findall(
        r"\w+",
        """
    all analyse analyze and any array as asc asymmetric authorization between bigint
    binary bit boolean both case cast char character check coalesce collate collation
    column concurrently constraint create cross current_catalog current_date
    current_role current_schema current_time current_timestamp current_user dec decimal
    default deferrable desc distinct do else end except exists extract false fetch float
    for foreign freeze from full grant greatest group grouping having ilike in initially
    inner inout int integer intersect interval into is isnull join json json_array
    json_arrayagg json_exists json_object json_objectagg json_query json_scalar
    json_serialize json_table json_value lateral leading least left like limit localtime
    localtimestamp merge_action national natural nchar none normalize not notnull null
    nullif numeric offset on only or order out outer overlaps overlay placing position
    precision primary real references returning right row select session_user setof
    similar smallint some substring symmetric system_user table tablesample then time
    timestamp to trailing treat trim true union unique user using values varchar
    variadic verbose when where window with xmlattributes xmlconcat xmlelement xmlexists
    xmlforest xmlnamespaces xmlparse xmlpi xmlroot xmlserialize xmltable
    """,
    )
)


def table_fault(text: str) -> str | None:
    """Returns the fault of a text that is not `table` or `schema.table`."""
    found = parts_of(text)
    return found if isinstance(found, str) else None


def table_sql(text: str) -> str:
    """Writes a table for SQL, with quotes where Postgres needs them.

    Returns a text that is not the name of a table unchanged: its rule refuses it.
    """
    found = parts_of(text)
    return text if isinstance(found, str) else ".".join(map(identifier_sql, found))


def has_schema(text: str) -> bool:
    """Returns whether a name has a schema, so that no search_path decides."""
    found = parts_of(text)
    return not isinstance(found, str) and len(found) > 1


def parts_of(text: str) -> list[str] | str:
    """Reads the parts of a name, or returns the fault."""
    parts: list[str] = []
    end, more = 0, True
    while more:
        found = PART.match(text, end)
        if found is None:
            rest = text[end:]
            if '"' in rest:
                return "its double quotes do not match"
            return f"{rest} needs double quotes"
        quoted, plain, dot = found.groups()
        lower = re.sub("[A-Z]", lambda each: each[0].lower(), plain or "")
        part = lower if quoted is None else quoted.replace('""', '"')
        fault = part_fault(part, quoted is None)
        if fault is not None:
            return fault
        parts.append(part)
        end, more = found.end(), dot == "."
    return parts if len(parts) <= MOST else "it has more than a schema and a table"


def part_fault(part: str, is_plain: bool) -> str | None:
    """Returns the fault of one part of a name."""
    if part == "":
        return "a part is empty"
    if re.search(r"[\x00-\x1f\x7f]", part):
        return "it has a control character"
    # A number that is no digit, as in the Roman numeral eight, is part of \w too.
    is_start = part[0] == "_" or part[0].isalpha()
    if is_plain and not (is_start and re.fullmatch(r"[\w$]*", part)):
        return f"{part} needs double quotes"
    length = len(part.encode())
    if length > LONGEST:
        return f"{part} has {length} bytes, and Postgres allows {LONGEST}"
    return None


def identifier_sql(name: str) -> str:
    """Writes one part of a name for SQL."""
    if re.fullmatch("[a-z_][a-z0-9_]*", name) and name not in RESERVED:
        return name
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """Quotes a text for SQL."""
    quoted = "'" + text.replace("'", "''") + "'"
    return "E" + quoted.replace("\\", "\\\\") if "\\" in text else quoted
