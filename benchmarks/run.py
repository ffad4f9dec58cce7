"""`make bench`: every figure beside its rival, measured in the same run; one table, and JSON beside it."""

import argparse
import os
import platform
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from benchmarks import ingest, judging, latency, memory
from benchmarks.bench import Bench, Topic
from benchmarks.store import store
from benchmarks.table import Figure, table, write

TOPICS: dict[str, Topic] = {
    "ingest-single": ingest.single,
    "ingest-batch": ingest.batch,
    "end-to-end": latency.paced,
    "memory": memory.million,
    "forest": judging.forest,
    "features": judging.features,
    "rules": judging.rules,
    "detector": judging.detector,
    "segments": judging.segments,
    "store": store,
}
BUILD = Path("build")


def run(names: Sequence[str], quick: bool) -> list[Figure]:
    """The figures of those topics. Data lie beside the code: a disk in memory would flatter."""
    BUILD.mkdir(exist_ok=True)
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(dir=BUILD, prefix="bench-"))
        bench = Bench(Path(folder).resolve(), quick, stack)
        figures: list[Figure] = []
        for name in names:
            started = time.monotonic()
            print(f"{name} ...", end=" ", file=sys.stderr, flush=True)
            figures += TOPICS[name](bench)
            print(f"{time.monotonic() - started:.0f} s", file=sys.stderr)
    return figures


def machine() -> dict[str, Any]:
    """What it was measured on."""
    return {
        "cpus": os.cpu_count(),
        "load_before": round(os.getloadavg()[0], 2),
        "python": platform.python_version(),
        "system": platform.platform(),
    }


def topics(text: str) -> list[str]:
    """Names of topics, in the order of the table. Raises ArgumentTypeError for an unknown one."""
    wanted = text.split(",")
    unknown = sorted(set(wanted) - TOPICS.keys())
    if unknown:
        raise argparse.ArgumentTypeError(f"no topic {', '.join(unknown)}; there are {', '.join(TOPICS)}")
    return [name for name in TOPICS if name in wanted]


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", type=topics, default=list(TOPICS), metavar="TOPIC,...")
    parser.add_argument("--quick", action="store_true", help="one short round of each")
    parser.add_argument("--out", type=Path, default=BUILD / "bench.json")
    given = parser.parse_args(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # the systems under load are stopped too
    on = machine()
    figures = run(given.only, given.quick)
    print(table(figures))
    write(given.out, figures, on)
    print(f"\nAlso in {given.out}. Load of this machine before the run: {on['load_before']}.")


if __name__ == "__main__":
    main()
