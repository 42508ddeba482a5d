//! The tracker as a service: what it tells systemd, and the unit that systemd runs it by.

mod notify;
mod unit;
