//! The lane over HTTP and HTTPS (BEP 3, 7, 23, 48): connections with at most one outstanding request each, and one
//! epoll per thread.

mod bencode;
mod dialer;
mod fill;
mod idle;
mod judge;
mod lane;
mod link;
mod pool;
mod reach;
mod readiness;
mod request;
mod response;
mod stream;
mod tls;

pub(crate) use lane::HttpLane;
pub(crate) use reach::warnings;
