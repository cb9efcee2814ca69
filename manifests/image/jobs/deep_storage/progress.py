"""What a run says while it is on, one line at a time."""

from __future__ import annotations


def say(layer: str, step: str, text: str, *, warning: bool = False) -> None:
    """One line of what a run does."""
    mark = "warning: " if warning else ""
    print(f"{layer:<7} {step:<11} {mark}{text}", flush=True)
