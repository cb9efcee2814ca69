"""The fence: whether a window can still grow, and which sessions can add rows to it.

`occurred_at` is set before the commit, so a transaction that began during a day can
add a row after the end of the day. A transaction in an unknown state counts as open.
"""

from __future__ import annotations

from .schema import Query
from .settings import OUTBOX_TABLE
from .sql import RELATIVES, instant, iso, within

CLOCK = "SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint"
# Extra time that a window stays open if a logical-replication subscription writes to
# the table, in microseconds. The publisher's writers and delay are not visible.
SUBSCRIPTION_GRACE = 24 * 3_600_000_000

# Processes that write no rows. The leader of a parallel worker has its own entry.
NO_WRITERS = """(backend_type IN ('autovacuum worker', 'parallel worker')
  OR backend_type = 'walsender'
     AND (xact_start IS NULL OR query ILIKE 'START_REPLICATION%'))"""

# With track_activities off, Postgres reports neither the state nor the transaction. If
# it is turned on within a transaction, Postgres reports the state, but not the start of
# the transaction. A session that is just beginning or ending a transaction looks the
# same for a moment, but has no transaction id.
UNREPORTED_STATE = """(xact_start IS NULL AND CASE state
  WHEN 'disabled' THEN true
  WHEN 'idle' THEN false
  WHEN 'active' THEN backend_xid IS NOT NULL
                     OR state_change < clock_timestamp() - interval '1 second'
  ELSE backend_xid IS NOT NULL OR state LIKE 'idle in transaction%'
       OR current_setting('track_activities') = 'off' END)"""

SESSION_NAME = """coalesce(usename, 'unknown'), pid,
              coalesce(', ' || nullif(application_name, ''), '')"""
OTHER_SESSIONS = "datname = current_database() AND pid <> pg_backend_pid()"


def clock(query: Query) -> int:
    """Reads the database's clock, in microseconds since 1970."""
    return int(query(CLOCK)[0][0] or 0)


def count(query: Query, window: tuple[int, int]) -> int:
    """Counts a window's rows, including those that do not fit the contract."""
    sql = f"SELECT count(*) FROM {OUTBOX_TABLE} WHERE {within(window)}"
    return int(query(sql)[0][0] or 0)


def read_fence(
    query: Query, day: str, window: tuple[int, int], grace: int
) -> list[str]:
    """Lists why a window can still grow, one sentence each. Empty if it cannot.

    `grace` is the time that a writer has after the end of the window, in microseconds.
    """
    bound = window[1] + grace
    now = clock(query)
    if now >= bound:
        return [str(reason) for (reason,) in query(holders(bound))]
    when = (
        "is not over"
        if now < window[1]
        else "is over, but the grace period for slow writers is not"
    )
    return [f"{day} {when}; it can be sealed from {iso(bound)} on"]


def holders(bound: int) -> str:
    """Selects the transactions that began before an instant and may still commit."""
    sealable_from = bound + SUBSCRIPTION_GRACE
    return f"""
SELECT 'this server is a standby: it cannot see who writes on the primary'
WHERE pg_is_in_recovery()
UNION ALL
SELECT format('transaction of %s (pid %s%s, %s for %s) began at %s, before the window '
              'could close',
              {SESSION_NAME}, state,
              date_trunc('second', clock_timestamp()
                         - coalesce(state_change, xact_start)),
              {as_iso("xact_start")})
FROM pg_stat_activity
WHERE {OTHER_SESSIONS} AND NOT {NO_WRITERS}
  AND xact_start < {instant(bound)}
UNION ALL
SELECT format('session of %s (pid %s%s) does not report what it is doing '
              '(track_activities = off), and began at %s, before the window could '
              'close', {SESSION_NAME}, {as_iso("backend_start")})
FROM pg_stat_activity
WHERE {OTHER_SESSIONS} AND NOT {NO_WRITERS} AND {UNREPORTED_STATE}
  AND backend_start < {instant(bound)}
UNION ALL
SELECT format('session of %s (pid %s) cannot be inspected; '
              'GRANT pg_read_all_stats TO %I', coalesce(usename, 'unknown'), pid,
              current_user)
FROM pg_stat_activity
WHERE {OTHER_SESSIONS} AND query = '<insufficient privilege>' AND state IS NULL
UNION ALL
SELECT format('prepared transaction %s of %s has waited since %s', gid, owner,
              {as_iso("prepared")})
FROM pg_prepared_xacts WHERE database = current_database()
UNION ALL
SELECT DISTINCT
       format('subscription %s writes to %s, and late commits of its publisher '
              'cannot be seen here; the window can be sealed from %s on',
              subname, srrelid::regclass, '{iso(sealable_from)}')
FROM pg_subscription_rel JOIN pg_stat_subscription ON subid = srsubid
WHERE srrelid IN ({RELATIVES}) AND clock_timestamp() < {instant(sealable_from)}"""


def as_iso(time: str) -> str:
    """Converts a time of Postgres to ISO 8601 in UTC."""
    return f"""to_char({time} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')"""


def explain_fence(reasons: list[str], *, sealed: bool) -> str:
    """Says whether events can still come. A sealed day stays sealed."""
    if not reasons:
        return "the day is over and no earlier transaction is open"
    state = "is sealed, but late events can still come" if sealed else "stays open"
    return f"the day {state}: {'; '.join(reasons)}"
