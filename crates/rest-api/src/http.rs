//! HTTP below the routes: connections and their limits, parameters, bodies of lines, and answers.

mod answer;
mod connections;
mod lines;
mod parameters;
mod server;

pub(crate) use answer::{ACK, ApiError, with_type};
pub(crate) use connections::{Connection, source_of};
pub(crate) use lines::{Batches, Lines};
pub(crate) use parameters::{InPath, PathValue, Query, Search, bad_query};
pub use server::{Listener, Transport};
pub(crate) use server::{serve_router, stopped};
