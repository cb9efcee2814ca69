"""Prints the steps of a run, one line each."""

from __future__ import annotations


def say(layer: str, step: str, text: str, *, warning: bool = False) -> None:
    """Prints one step of a run."""
    mark = "warning: " if warning else ""
    print(f"{layer:<7} {step:<11} {mark}{text}", flush=True)
