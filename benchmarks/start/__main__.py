"""`make bench-start`: measure the time from the command to the first request, and print it as Markdown."""

import argparse
import sys

from .measure import measure_all


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.start", description=__doc__)
    parser.add_argument("--repeat", type=int, default=7, help="calls of each command")
    given = parser.parse_args()
    lines = [
        "| command | first connection | first request of the load | end | last request to end |",
        "| :--- | ---: | ---: | ---: | ---: |",
    ]
    for command, times in measure_all(given.repeat).items():
        seconds = (times.first_byte_s, times.first_request_s, times.end_s, times.after_last_s)
        cells = " | ".join(f"{value:.2f} s" for value in seconds)
        lines.append(f"| `{command}` | {cells} |")
    sys.stdout.write("\n".join(lines) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
