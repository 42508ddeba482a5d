//! The bodies of the fuzz targets. Each takes any bytes and panics if an invariant does not hold. The ordinary
//! test run replays the corpora with the same functions.

mod announce_answers;
mod bytes;
mod engine_datagrams;
mod http_connection;
mod http_query;
mod http_requests;
mod proxy_header;
mod state_pages;
mod tls_bytes;
mod udp_codec;
mod ws_frames;
mod ws_messages;

pub use self::announce_answers::announce_answers;
pub use self::engine_datagrams::{admission_datagrams, engine_datagrams};
pub use self::http_connection::http_connection;
pub use self::http_query::http_query;
pub use self::http_requests::http_requests;
pub use self::proxy_header::proxy_header;
pub use self::state_pages::state_pages;
pub use self::tls_bytes::tls_bytes;
pub use self::udp_codec::udp_codec;
pub use self::ws_frames::ws_frames;
pub use self::ws_messages::ws_messages;
