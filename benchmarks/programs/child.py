"""Run a command and print, as JSON, its seconds, its CPU seconds and the most memory that it held.

    python -S benchmarks/programs/child.py COMMAND ...

A process of its own, and a small one: a child's peak memory counts from the moment it is forked, so that the child of a
large process would seem to be as large. Unix only (`os.wait4`).
"""

import json
import os
import subprocess
import sys
import time

if __name__ == "__main__":
    started = time.perf_counter()
    process = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    kilobyte = 1 if sys.platform == "darwin" else 1024  # what ru_maxrss is counted in
    print(json.dumps({"wall": seconds, "cpu": used.ru_utime + used.ru_stime, "memory": used.ru_maxrss * kilobyte}))
    sys.exit(process.returncode)
