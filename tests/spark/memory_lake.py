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
        self.ignores_conditions = False
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
        if condition and not self.ignores_conditions:
            known = self.etags.get(key)
            if "If-None-Match" in condition and known is not None:
                return False
            match = condition.get("If-Match", known)
            if match != known or ("If-Match" in condition and self.refuses_if_match):
                return False
        if self.effect(key):
            self.objects[key] = body
            self.etags[key] = hashlib.md5(body).hexdigest()
        return True

    def list(self, prefix):
        keys = sorted(key for key in self.objects if key.startswith(prefix))
        return [Entry(key, len(self.objects[key]), 0) for key in keys]

    def remove(self, key):
        self.removed.append(key)
        self.objects.pop(key, None)
        self.etags.pop(key, None)

    def state(self):
        return self.bucket_state
