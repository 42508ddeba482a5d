//! The tracker as a service: its messages to systemd, and its systemd unit.

mod notify;
mod unit;
