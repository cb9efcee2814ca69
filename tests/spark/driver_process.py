"""Runs jobs one after the other in one process, so that they share the start of a JVM.

Reads a line of JSON for each job, with its path, its variables and Python that runs
before it. All output goes to standard error. A line with the exit code ends it.
"""

from __future__ import annotations

import json
import os
import runpy
import sys
import traceback
from typing import Any

from pyspark import SparkContext


def run(job: dict[str, Any]) -> int:
    """Runs a job as Python runs a program, and returns its exit code."""
    try:
        exec(job["prelude"], {})
        runpy.run_path(job["path"], run_name="__main__")
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except Exception:
        traceback.print_exc()
        return 1
    return 0


def forget() -> None:
    """Forgets what a job has loaded, and the logins in the JVM's file systems."""
    for name in list(sys.modules):
        if name.split(".")[0] == "deep_storage":
            del sys.modules[name]
    jvm: Any = SparkContext._jvm
    if jvm is not None:
        jvm.org.apache.hadoop.fs.FileSystem.closeAll()


if __name__ == "__main__":
    os.dup2(2, 1)
    own = dict(os.environ)
    for line in sys.stdin:
        order = json.loads(line)
        os.environ.update(order["env"])
        code = run(order)
        forget()
        os.environ.clear()
        os.environ.update(own)
        sys.stdout.flush()
        print(f"\nJOB ENDED WITH {code}", file=sys.stderr, flush=True)
