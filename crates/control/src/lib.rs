//! Supervision of the workers, statistics, signals.
