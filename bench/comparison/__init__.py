"""Runs trackers side by side and tells what each of them cost: where all figures of docs/BENCHMARKS.md come from."""
