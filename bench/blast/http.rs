//! The lane over HTTP and HTTPS (BEP 3, 7, 23, 48): connections with at most one outstanding request each, and one
//! epoll per thread.

mod bencode;
pub(crate) mod dialer;
mod fill;
mod hostile;
pub(crate) mod idle;
mod judge;
mod lane;
mod link;
mod pool;
mod reach;
pub(crate) mod readiness;
mod request;
pub(crate) mod response;
pub(crate) mod stream;
mod tls;

pub(crate) use hostile::HostileLane;
pub(crate) use lane::HttpLane;
pub(crate) use reach::warnings;
