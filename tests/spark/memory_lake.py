"""A lake in memory that can simulate the faults of stores."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Callable, Iterable, NamedTuple

if TYPE_CHECKING:
    from deep_storage.lake import Entry, Lake
else:
    # The module needs py4j.
    Lake = object

    class Entry(NamedTuple):
        """One object of a listing."""

        key: str
        bytes: int
        age: float


__all__ = ["Entry", "MemoryLake"]


class MemoryLake(Lake):
    """Objects by their keys.

    `before_put` is called before each put. `answer` stores an object, or fails.
    """

    name = "s3://memory"

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.etags: dict[str, str] = {}
        self.puts: list[str] = []
        self.removed: list[str] = []
        self.bucket_state: str | None = None
        self.ignores: tuple[str, ...] = ()
        self.stores_on_conflict = False
        self.refuses_if_match = False
        self.before_put: Callable[[str], None] = lambda key: None
        # False: the store reports success but does not store the object.
        self.effect: Callable[[str], bool] = lambda key: True
        self.answer: Callable[[str, bytes, dict[str, str]], bool] = self.store

    def url(self, key: str) -> str:
        return f"{self.name}/{key}"

    def get(self, key: str) -> tuple[bytes, str] | None:
        if key not in self.objects:
            return None
        return self.objects[key], self.etags[key]

    def put(
        self, key: str, body: bytes, condition: dict[str, str] | None = None
    ) -> bool:
        return self.answer(key, body, condition or {})

    def store(self, key: str, body: bytes, condition: dict[str, str]) -> bool:
        """Stores an object if the conditions hold."""
        self.before_put(key)
        self.puts.append(key)
        holds = self.holds(condition, self.etags.get(key))
        if (holds and self.effect(key)) or (not holds and self.stores_on_conflict):
            self.objects[key] = body
            self.etags[key] = hashlib.md5(body).hexdigest()
        return holds

    def holds(self, condition: dict[str, str], known: str | None) -> bool:
        """Whether the conditions hold, except those that the store ignores."""
        heeded = {k: v for k, v in condition.items() if k not in self.ignores}
        if "If-None-Match" in heeded and known is not None:
            return False
        match = heeded.get("If-Match", known)
        return match == known and not ("If-Match" in heeded and self.refuses_if_match)

    def list(self, prefix: str) -> list[Entry]:
        keys = sorted(key for key in self.objects if key.startswith(prefix))
        return [Entry(key, len(self.objects[key]), 0) for key in keys]

    def remove(self, key: str) -> None:
        self.removed.append(key)
        self.objects.pop(key, None)
        self.etags.pop(key, None)

    def remove_all(self, keys: Iterable[str]) -> None:
        for key in keys:
            self.remove(key)

    def state(self) -> str | None:
        return self.bucket_state
