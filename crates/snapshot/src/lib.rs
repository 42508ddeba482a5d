//! The state of all cores, exported to files or to a stream, and imported from them.
//!
//! - [`frames`]: pages of state as frames with checksums, over any stream of bytes. Files and handovers have the same frames.
//! - An export pulls pages from all cores at the same time; an [`Importer`] passes pages to the cores.
//! - [`KeyNumbers`] translates the numbers of keys, which each process assigns by itself.
//! - [`Directory`] has the files of a whole snapshot: one for each shard, one for the keys, and a manifest. The manifest is put in
//!   place last, so a snapshot is either complete or not there. All of it is verified before any of it is used.
//!
//! Each page is a task of a core, which does it between its requests; a core holds nothing of an export or import.

#![forbid(unsafe_code)]

mod ask;
mod directory;
mod export;
pub mod frames;
mod import;
mod keys;
mod limits;
mod manifest;
#[cfg(test)]
mod testing;

pub use ask::{CoreGone, ask};
pub use directory::{Described, Directory, Found, KeyPages, LoadError, Loaded, Target, WriteError, Written};
pub use export::ExportError;
pub use import::{Importer, Placement};
pub use keys::{KeyName, KeyNumbers};
pub use limits::KEYS_PER_FRAME;
pub use manifest::{Refused, Secrets};
pub use primitives::Imported;
