//! `[health_check_api]`: reports to monitoring programs whether the tracker's listeners answer.

use std::net::SocketAddr;

use confique::Config;
use serde::Serialize;

use crate::limits;
use crate::values::addresses;

/// The health check.
#[derive(Debug, Clone, PartialEq, Eq, Config, Serialize)]
pub struct HealthCheckApi {
    /// The addresses and TCP ports on which `/health_check` is served over plain HTTP.
    ///
    /// Allowed: a list of 0 to 16 different socket addresses, IPv6 in brackets; [] disables it. Port 0 picks any free
    /// port. No address may conflict with one in the `listen` of `[http]`, `[https]` or `[api]`; a wildcard address
    /// conflicts with every address of its family and port.
    ///
    /// Containers and load balancers use it to check whether the tracker is healthy. It requires no token, since it
    /// reveals little; do not make it reachable from the internet all the same.
    #[config(
        env = "RINGTRACK_HEALTH_CHECK_API_LISTEN",
        default = ["127.0.0.1:1313"],
        deserialize_with = addresses::listen::<{ limits::API_LISTEN_MIN }, { limits::API_LISTEN_MAX }, _>
    )]
    pub listen: Vec<SocketAddr>,
}
