//! The management API over a tracker in memory: what its clients are answered.

#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

mod authentication;
mod bulk;
mod document;
mod fake;
mod harness;
mod health;
mod operators;
mod serving;
mod version_1;
