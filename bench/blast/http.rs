//! The way over HTTP and HTTPS (BEP 3, 7, 23, 48): connections that have one request on their way at most, and one
//! epoll for all of a thread.

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
