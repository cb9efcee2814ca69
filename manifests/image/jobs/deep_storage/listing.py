"""Lists the objects in many folders, with as few requests as possible."""

from __future__ import annotations

from typing import TYPE_CHECKING, Iterable

from .contract import silver_root
from .names import folder_of
from .pool import concurrently

if TYPE_CHECKING:
    from .lake import Entry, Lake

# With more folders than this, a listing of all of silver can need fewer requests.
MANY_FOLDERS = 100
# Number of clients whose objects are counted to find out.
SAMPLE = 8
# A request for one folder costs about as much as this number of listed entries.
ENTRIES_PER_REQUEST = 20


def list_folders(lake: Lake, prefixes: Iterable[str]) -> list[Entry]:
    """Lists the objects in several folders.

    Sends one request for each folder. If silver has many of the folders, and most of
    its objects are in them, one long listing of silver needs fewer requests.
    """
    folders = sorted(set(prefixes))
    if len(folders) > MANY_FOLDERS and is_sparse(lake, folders):
        wanted = set(folders)
        return [e for e in lake.list(silver_root()) if is_inside(e.key, wanted)]
    listings = concurrently(lake.list, folders)
    return [entry for listing in listings for entry in listing]


def is_sparse(lake: Lake, folders: list[str]) -> bool:
    """Whether the clients of these folders have few objects of other days."""
    clients = [parent_of(folder) for folder in folders]
    clients = [each for each in clients if each.startswith(silver_root())]
    clients = [each for each in clients if each != silver_root()]
    if len(clients) < len(folders) / 2:
        return False
    sample = [clients[i * len(clients) // SAMPLE] for i in range(SAMPLE)]
    entries = sum(len(listing) for listing in concurrently(lake.list, sample))
    return entries <= SAMPLE * ENTRIES_PER_REQUEST


def is_inside(key: str, folders: set[str]) -> bool:
    """Whether an object is in one of the folders, or in a folder inside of it."""
    folder = folder_of(key)
    while folder != "/":
        if folder in folders:
            return True
        folder = parent_of(folder)
    return False


def parent_of(folder: str) -> str:
    """Returns the folder that contains a folder, with a trailing `/`."""
    return folder_of(folder[:-1])
