"""A lake in memory, with the faults that stores have."""

import hashlib
from typing import NamedTuple


class Entry(NamedTuple):
    """One line of a listing."""

    key: str
    bytes: int
    age: float


class MemoryLake:
    """Objects by their keys. `before_put` hears of each put first."""

    name = "s3://memory"

    def __init__(self):
        self.objects = {}
        self.etags = {}
        self.puts = []
        self.removed = []
        self.bucket_state = None
        self.ignores = ()
        self.stores_on_conflict = False
        self.refuses_if_match = False
        self.before_put = lambda key: None
        # False: the store says that it stored, and does nothing.
        self.effect = lambda key: True

    def url(self, key):
        return f"{self.name}/{key}"

    def get(self, key):
        if key not in self.objects:
            return None
        return self.objects[key], self.etags[key]

    def put(self, key, body, condition=None):
        self.before_put(key)
        self.puts.append(key)
        holds = self.holds(condition or {}, self.etags.get(key))
        if (holds and self.effect(key)) or (not holds and self.stores_on_conflict):
            self.objects[key] = body
            self.etags[key] = hashlib.md5(body).hexdigest()
        return holds

    def holds(self, condition, known):
        """Whether the conditions hold that the store does not ignore."""
        heeded = {k: v for k, v in condition.items() if k not in self.ignores}
        if "If-None-Match" in heeded and known is not None:
            return False
        match = heeded.get("If-Match", known)
        return match == known and not ("If-Match" in heeded and self.refuses_if_match)

    def list(self, prefix):
        keys = sorted(key for key in self.objects if key.startswith(prefix))
        return [Entry(key, len(self.objects[key]), 0) for key in keys]

    def remove(self, key):
        self.removed.append(key)
        self.objects.pop(key, None)
        self.etags.pop(key, None)

    def state(self):
        return self.bucket_state
