use crate::cli::Options;
use anyhow::Context;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Files reserved for other uses than connections: UDP sockets, epolls and results.
const OTHER_FILES: u64 = 1024;

/// Raises the limit of open files to fit all connections. Root may exceed the hard limit.
pub(crate) fn allow(options: &Options) -> anyhow::Result<()> {
    if !options.is_over_http() {
        return Ok(());
    }
    let of_load = u64::from(options.connections) * (options.target.len() * options.cores.len()) as u64;
    let needed = u64::from(options.idle_connections) + of_load + OTHER_FILES;
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current.is_none_or(|current| current >= needed) {
        return Ok(());
    }
    let maximum = maximum.map(|maximum| maximum.max(needed));
    setrlimit(Resource::Nofile, Rlimit { current: Some(needed), maximum }).with_context(|| {
        format!("{needed} open files are needed, more than the limit allows (RLIMIT_NOFILE)")
    })
}
