"""Prints the intervals of an HdrHistogram log, read with the Python port of HdrHistogram, as a list in JSON.

Usage: read_hlog.py LOG
"""

import json
import sys

from hdrh.histogram import HdrHistogram
from hdrh.log import HistogramLogReader

# The reader adds its own sums to it, which are not used.
REFERENCE = HdrHistogram(1, 60_000_000_000, 2)


def intervals(log: str) -> list[dict]:
    reader = HistogramLogReader(log, REFERENCE)
    read = []
    while (histogram := reader.get_next_interval_histogram()) is not None:
        read.append(
            {
                "tag": histogram.get_tag(),
                "from_unix_ms": histogram.get_start_time_stamp(),
                "to_unix_ms": histogram.get_end_time_stamp(),
                "count": histogram.get_total_count(),
                "min_ns": histogram.get_min_value(),
                "p50_ns": histogram.get_value_at_percentile(50),
                "max_ns": histogram.get_max_value(),
            }
        )
    reader.close()
    return read


if __name__ == "__main__":
    json.dump(intervals(sys.argv[1]), sys.stdout)
