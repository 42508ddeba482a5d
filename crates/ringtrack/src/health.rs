//! The command `health`, for containers, which may have neither a shell nor curl.

use anyhow::{Context, ensure};
use config::Configuration;
use rest_api::ask_health;
use std::net::SocketAddr;
use tokio::runtime::Builder;

/// Asks the tracker that runs with this configuration whether its listeners are healthy.
///
/// # Errors
/// If one is not, or the tracker does not answer.
pub(crate) fn check_health(configuration: &Configuration) -> anyhow::Result<()> {
    let address = health_address(&configuration.health_check_api.listen)?;
    Builder::new_current_thread().enable_all().build()?.block_on(ask_health(address))?;
    Ok(())
}

fn health_address(listen: &[SocketAddr]) -> anyhow::Result<SocketAddr> {
    let address =
        *listen.first().context("health_check_api.listen is empty: the command needs an address")?;
    ensure!(address.port() != 0, "health_check_api.listen has port 0: the command needs a fixed port");
    Ok(address)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_address_is_asked_if_it_is_fixed() {
        let address = |text: &str| text.parse::<SocketAddr>().unwrap();
        let (first, other) = (address("0.0.0.0:1313"), address("[::1]:1314"));
        assert_eq!(health_address(&[first, other]).unwrap(), first);
        for listen in [&[][..], &[address("127.0.0.1:0")]] {
            let error = health_address(listen).unwrap_err().to_string();
            assert!(error.starts_with("health_check_api.listen "), "{error}");
        }
    }
}
