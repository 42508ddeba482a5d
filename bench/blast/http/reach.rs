use crate::cli::{ConnectionUse, Options};
use crate::sources::Sources;
use crate::target::Target;

/// Returns a warning for each target with too few kept connections to announce all peers: each has one source address.
pub(crate) fn warnings(options: &Options) -> Vec<String> {
    if options.connection == ConnectionUse::PerRequest
        || options.fill
        || !options.is_over_http()
        || options.is_over_websocket()
    {
        return Vec::new();
    }
    let connections =
        u32::from(options.connections).saturating_mul(options.cores.len().try_into().unwrap_or(1));
    let warning = |(target, of): (&Target, u32)| {
        (connections < of).then(|| {
            format!(
                "warning: {target} gets the peers of {connections} of {of} source addresses: there are no more \
                 --connections"
            )
        })
    };
    let targets = options.target.iter().map(|target| (target, Sources::new(options, target.address).count()));
    targets.filter_map(warning).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    fn warned(arguments: &[&str]) -> Vec<String> {
        let fixed = ["ringtrack-blast", "--target", "http://127.0.0.1:1/announce", "--connections", "8"];
        warnings(&Options::parse_from(fixed.iter().chain(arguments)))
    }

    #[test]
    fn a_load_whose_kept_connections_do_not_reach_all_peers_warns() {
        let said = warned(&["--sources", "17", "--cores", "0,1"]);
        assert!(said.len() == 1 && said[0].contains("16 of 17 source addresses"), "{said:?}");
        for enough in [&["--sources", "8"][..], &["--fill"], &["--connection", "per-request"]] {
            assert!(warned(enough).is_empty(), "{enough:?}");
        }
    }
}
