//! The latencies that are recorded, and the dumps of the running tracker, read by an independent reader.

mod command;
mod connections;
mod dumps;
mod reader;
