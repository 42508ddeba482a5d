"""Runs trackers side by side and measures their cost: the source of all figures in docs/BENCHMARKS.md."""
