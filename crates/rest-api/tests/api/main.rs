//! Tests of the management API over a tracker in memory, from a client's point of view.

#![allow(clippy::unwrap_used, reason = "test helpers may panic")]

mod authentication;
mod bulk;
mod dashboard;
mod document;
mod fake;
mod figures;
mod forwarding;
mod harness;
mod health;
mod operators;
mod serving;
mod version_1;
