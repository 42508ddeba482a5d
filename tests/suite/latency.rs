//! The latency dumps of the running tracker, read by an independent reader.

mod command;
mod dumps;
mod reader;
