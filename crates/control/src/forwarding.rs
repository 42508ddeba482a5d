//! The management of forwarding: what operators see of upstream trackers, and change in them.

use forwarder::Forwarder;
pub use forwarder::{
    AddError, FailureKind, Upstream, UpstreamFields, UpstreamFigures, UpstreamInfo, UpstreamState,
};

/// The management of the upstream trackers. Changes last until the process ends, and leave their file as it
/// is.
pub trait ForwardingManagement: Send + Sync {
    /// Returns all upstream trackers, in the order in which they were added.
    fn upstreams(&self) -> Vec<UpstreamInfo>;

    /// Adds an upstream tracker.
    ///
    /// # Errors
    /// If there is one with the same URI or name, or there are too many.
    fn add(&self, upstream: Upstream) -> Result<(), AddError>;

    /// Removes the upstream tracker with this name. Returns whether there was one.
    fn remove(&self, name: &str) -> bool;

    /// Ends announces to the upstream tracker with this name until it is resumed. Returns whether there is one.
    fn suspend(&self, name: &str) -> bool;

    /// Announces to a suspended or failing upstream tracker again at once. Returns whether there is one.
    fn resume(&self, name: &str) -> bool;
}

impl ForwardingManagement for Forwarder {
    fn upstreams(&self) -> Vec<UpstreamInfo> {
        Self::upstreams(self)
    }

    fn add(&self, upstream: Upstream) -> Result<(), AddError> {
        Self::add(self, upstream)
    }

    fn remove(&self, name: &str) -> bool {
        Self::remove(self, name)
    }

    fn suspend(&self, name: &str) -> bool {
        Self::suspend(self, name)
    }

    fn resume(&self, name: &str) -> bool {
        Self::resume(self, name)
    }
}
