//! The container image: its files have no faults and agree, and the tracker serves from the root that they make.

mod files;
mod profile;
mod sandbox;
