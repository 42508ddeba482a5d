//! The requests, responses and errors of the management API, as they are in JSON. A client needs nothing else of the
//! tracker: the crate knows neither a server nor the tracker's own types.
//!
//! `docs/openapi.json` describes the routes that use them.

#![forbid(unsafe_code)]

pub mod v1;
