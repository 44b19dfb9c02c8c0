"""How long until the first paragraph of a run is written, the start of Python and of the model included?

    python benchmarks/annotate_start.py --repeats 5

The run is a process of its own. Its CPU time tells the same on a machine that has other work.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from annotate_memory import write_rows

LIMIT_S = 3.0


def first_output(source: Path, out: Path) -> tuple[float, float]:
    """Seconds of CPU and on the wall from the start of a run to the first byte of its output; Linux."""
    words = [sys.executable, "-m", "cuoshi", "annotate", str(source), "-o", str(out), "--force"]
    written = out.with_name(f"{out.name}.part")
    begun = time.perf_counter()
    process = subprocess.Popen(words, stderr=subprocess.DEVNULL)
    try:
        while not (written.exists() and written.stat().st_size):
            if process.poll() is not None:
                raise SystemExit("the run ended before its first output")
            time.sleep(0.002)
        wall = time.perf_counter() - begun
        fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK"), wall
    finally:
        process.kill()
        process.wait()
        written.unlink(missing_ok=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--paragraphs", type=int, default=20_000, help="rows of the input")
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "rows.jsonl"
        write_rows(source, options.paragraphs)
        found = [first_output(source, Path(folder) / "o.jsonl") for _ in range(options.repeats)]
    cpu, wall = (statistics.median(values) for values in zip(*found, strict=True))
    print(
        f"first paragraph after {cpu:.2f} s of CPU, {wall:.2f} s on the wall (medians of {options.repeats})"
    )
    print(
        f"on the wall {'below' if wall < LIMIT_S else 'ABOVE'} {LIMIT_S:.0f} s; load {os.getloadavg()[0]:.1f}"
    )


if __name__ == "__main__":
    main()
