//! The latencies that the running tracker dumps, read back by a reader that is none of its own.

mod command;
mod dumps;
mod reader;
