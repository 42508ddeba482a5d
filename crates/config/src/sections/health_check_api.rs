//! `[health_check_api]`: whether the tracker's listeners answer, for programs that ask.

use std::net::SocketAddr;

use confique::Config;
use serde::Serialize;

use crate::limits;
use crate::values::addresses;

/// The health check.
#[derive(Debug, Clone, PartialEq, Eq, Config, Serialize)]
pub struct HealthCheckApi {
    /// The addresses and TCP ports on which `/health_check` is answered, over HTTP in the clear.
    ///
    /// Allowed: a list of 0 to 16 different socket addresses, IPv6 in brackets; [] switches it off. Port 0 takes any
    /// free port. None of them may stand in the `listen` of `[http]`, `[https]` or `[api]` too, or share its port with
    /// a wildcard address there.
    ///
    /// Containers and load balancers ask it whether the tracker is well. It asks for no token, since it tells little:
    /// keep it from the rest of the world all the same.
    #[config(
        env = "RINGTRACK_HEALTH_CHECK_API_LISTEN",
        default = ["127.0.0.1:1313"],
        deserialize_with = addresses::listen::<{ limits::API_LISTEN_MIN }, { limits::API_LISTEN_MAX }, _>
    )]
    pub listen: Vec<SocketAddr>,
}
