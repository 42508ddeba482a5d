//! The lane over UDP (BEP 15): ports that send many requests as one message, and connection ids.

mod connections;
mod fill;
mod judge;
mod lane;
mod ports;
mod spoofed;
mod url_data;

pub(crate) use lane::UdpLane;
pub(crate) use spoofed::SpoofedLane;
