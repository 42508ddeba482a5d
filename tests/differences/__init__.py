"""Compares what several trackers answer to the same requests: see `tests/differential --help`."""
