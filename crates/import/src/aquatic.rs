//! The configurations of `aquatic_udp`, `aquatic_http` and `aquatic_ws` 0.9.

use crate::ImportError;
use crate::section::Section;
use crate::translation::{Listeners, Translation, Value, addresses, below};
use primitives::TorrentList;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

const OWN: &str = "Ringtrack has no such setting";
const WORKERS: &str = "there is one worker for each core, see workers.cores";

/// The program that a file is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Program {
    Udp,
    Http,
    Ws,
}

/// A key that one program alone has, at its place.
const TELLING: &[(Program, &str, &[&str])] = &[
    (Program::Udp, "network", &["socket_recv_buffer_size", "poll_timeout_ms", "use_io_uring", "ring_size"]),
    (Program::Udp, "protocol", &["max_response_peers"]),
    (Program::Udp, "cleaning", &["max_connection_age"]),
    (Program::Http, "network", &["keep_alive", "runs_behind_reverse_proxy", "reverse_proxy_ip_header_name"]),
    (Program::Http, "protocol", &["max_peers"]),
    (Program::Ws, "network", &["websocket_max_message_size", "enable_http_health_checks"]),
    (Program::Ws, "protocol", &["max_offers"]),
    (Program::Ws, "cleaning", &["max_offer_age", "close_after_tls_update_grace_period"]),
];

/// The lists and listeners of all files together.
#[derive(Debug, Default)]
pub(crate) struct Aquatic {
    listeners: Listeners,
    /// The list of torrents of each file, and how it is used.
    lists: Vec<Option<(TorrentList, PathBuf)>>,
    has_ws: bool,
    /// Whether there is more than one file, so that keys are named with theirs.
    has_several: bool,
}

impl Aquatic {
    pub(crate) fn new(files: usize) -> Self {
        Self { has_several: files > 1, ..Self::default() }
    }

    /// Translates one of the files.
    pub(crate) fn add(
        &mut self,
        file: &Path,
        text: &str,
        translation: &mut Translation,
    ) -> Result<(), ImportError> {
        let name = if self.has_several { format!("{file:?}: ") } else { String::new() };
        let mut root = Section::parse(file, text)?.named(name);
        let program = program(file, text)?;
        self.has_ws |= program == Program::Ws;
        if let Some(level) = root.text("log_level")? {
            translation.set_log_level(&level, root.name_of("log_level"));
        }
        root.leave(&["socket_workers", "swarm_workers"], WORKERS, translation);
        self.network(&mut root, program, translation)?;
        protocol(&mut root, program, translation)?;
        figures(&mut root, "statistics", translation)?;
        figures(&mut root, "metrics", translation)?;
        let new_root = new_root(&mut root, translation)?;
        let list = access_list(&mut root, file, new_root.as_deref(), translation)?;
        if self.lists.first().is_some_and(|first| *first != list) {
            let reason = "the list of the first file applies to all, also if it has none";
            translation.leave(root.name_of("access_list"), reason);
        }
        self.lists.push(list);
        root.finish(translation);
        Ok(())
    }

    /// Returns which list the torrents are on, if there is one.
    pub(crate) fn list(&self) -> Option<TorrentList> {
        self.lists.first()?.as_ref().map(|(list, _)| *list)
    }

    /// Sets what all files say together. The list is named in the configuration unless it is imported.
    pub(crate) fn finish(self, is_list_imported: bool, translation: &mut Translation) {
        self.listeners.set("network.address", translation);
        if !self.has_ws {
            translation.set_text("websocket.enabled", "off", "no configuration of aquatic_ws");
        }
        let Some((list, path)) = self.lists.into_iter().next().flatten() else { return };
        if list == TorrentList::Allowed {
            translation.set_text("access.mode", "listed", "access_list.mode");
        }
        let key = match list {
            TorrentList::Allowed => "access.allow_file",
            TorrentList::Denied => "access.deny_file",
        };
        if is_list_imported {
            translation.leave("access_list.path", "the list is imported into the database");
        } else {
            translation.set(key, Value::File(path), "access_list.path");
        }
    }

    fn network(
        &mut self,
        root: &mut Section<'_>,
        program: Program,
        translation: &mut Translation,
    ) -> Result<(), ImportError> {
        let default = SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), 3000);
        let Some(mut network) = root.section("network")? else {
            self.listen(program, vec![default]);
            return Ok(());
        };
        let address = network.address("address")?.unwrap_or(default);
        let is_only_v6 = network.flag("only_ipv6")?.unwrap_or_default();
        let bound = if is_only_v6 { vec![address] } else { addresses(address) };
        let certificate = network.text("tls_certificate_path")?.zip(network.text("tls_private_key_path")?);
        if network.flag("enable_tls")?.unwrap_or_default() {
            self.listeners.https.extend(bound);
            let from = network.name_of("tls_certificate_path");
            self.listeners.add_certificate(certificate.unwrap_or_default(), &from, translation);
        } else {
            self.listen(program, bound);
        }
        if let Some(bytes) = network.number("socket_recv_buffer_size")?.filter(|bytes| *bytes > 0) {
            let from = network.name_of("socket_recv_buffer_size");
            translation.set_number("udp.receive_buffer_bytes", bytes, (65_536, 1 << 30), from);
        }
        proxy(&mut network, translation)?;
        let own = ["poll_timeout_ms", "resend_buffer_max_len", "use_io_uring", "ring_size", "tcp_backlog"];
        network.leave(&own, OWN, translation);
        let frames =
            ["websocket_max_message_size", "websocket_max_frame_size", "websocket_write_buffer_size"];
        network.leave(&frames, OWN, translation);
        network.leave(&["enable_http_health_checks"], "see health_check_api.listen", translation);
        network.finish(translation);
        Ok(())
    }

    fn listen(&mut self, program: Program, bound: Vec<SocketAddr>) {
        match program {
            Program::Udp => self.listeners.udp.extend(bound),
            Program::Http | Program::Ws => self.listeners.http.extend(bound),
        }
    }
}

/// Returns the list of torrents of a file, and how it is used.
fn access_list(
    root: &mut Section<'_>,
    file: &Path,
    new_root: Option<&Path>,
    translation: &mut Translation,
) -> Result<Option<(TorrentList, PathBuf)>, ImportError> {
    let Some(mut section) = root.section("access_list")? else { return Ok(None) };
    let mode = section.text("mode")?.unwrap_or_else(|| "off".to_owned());
    let path = section.text("path")?.unwrap_or_else(|| "./access-list.txt".to_owned());
    let path = below(new_root, Path::new(&path));
    let list = match mode.as_str() {
        "allow" => Some((TorrentList::Allowed, path)),
        "deny" => Some((TorrentList::Denied, path)),
        "off" => None,
        // A guess might make a listed tracker public.
        _ => {
            return Err(ImportError::Text {
                place: format!("{}: access_list.mode", file.display()),
                reason: "expected \"allow\", \"deny\" or \"off\"".to_owned(),
            });
        }
    };
    section.finish(translation);
    Ok(list)
}

/// Finds out which program a file is for: by a key that no other has, or by the comment at its beginning.
fn program(file: &Path, text: &str) -> Result<Program, ImportError> {
    let mut root = Section::parse(file, text)?;
    for name in ["network", "protocol", "cleaning"] {
        let Some(section) = root.section(name)? else { continue };
        let telling = TELLING.iter().filter(|(_, place, _)| *place == name);
        let mut found = telling.filter(|(_, _, keys)| keys.iter().any(|key| section.has(key)));
        if let Some((program, ..)) = found.next() {
            return Ok(*program);
        }
    }
    let named = [("aquatic_udp", Program::Udp), ("aquatic_http", Program::Http), ("aquatic_ws", Program::Ws)];
    let program = named.iter().find(|(name, _)| text.contains(name)).map(|(_, program)| *program);
    program.ok_or_else(|| ImportError::Text {
        place: file.display().to_string(),
        reason:
            "no key shows which program it is for: name aquatic_udp, aquatic_http or aquatic_ws in a comment"
                .to_owned(),
    })
}

fn proxy(network: &mut Section<'_>, translation: &mut Translation) -> Result<(), ImportError> {
    let header =
        network.text("reverse_proxy_ip_header_name")?.unwrap_or_else(|| "X-Forwarded-For".to_owned());
    network.leave(&["reverse_proxy_ip_header_format"], OWN, translation);
    if network.flag("keep_alive")? == Some(false) {
        let from = network.name_of("keep_alive");
        translation.set("http.requests_per_connection_max", Value::Number(1), from);
    }
    if network.flag("runs_behind_reverse_proxy")? != Some(true) {
        return Ok(());
    }
    let from = network.name_of("runs_behind_reverse_proxy");
    translation.trust_local_proxies(&header.to_ascii_lowercase(), from);
    Ok(())
}

fn protocol(
    root: &mut Section<'_>,
    program: Program,
    translation: &mut Translation,
) -> Result<(), ImportError> {
    let (mut interval, mut lifetime) = (None, None);
    if let Some(mut protocol) = root.section("protocol")? {
        for key in ["max_response_peers", "max_peers"] {
            if let Some(peers) = protocol.number(key)? {
                translation.set_numwant(peers, &protocol.name_of(key));
            }
        }
        if let Some(offers) = protocol.number("max_offers")? {
            let from = protocol.name_of("max_offers");
            translation.set_number("websocket.offers_per_announce_max", offers, (1, 50), from);
        }
        let key = "peer_announce_interval";
        interval = protocol.number(key)?.map(|number| (number, protocol.name_of(key)));
        if program != Program::Http {
            protocol.leave(&["max_scrape_torrents"], OWN, translation);
        }
        if let Some(torrents) = protocol.number("max_scrape_torrents")? {
            let from = protocol.name_of("max_scrape_torrents");
            translation.set_number("http.scrape_torrents_max", torrents, (1, 74), from);
        }
        protocol.finish(translation);
    }
    if let Some(mut cleaning) = root.section("cleaning")? {
        let key = "max_peer_age";
        if program == Program::Ws {
            let reason = "announce.peer_lifetime_s is that of UDP and HTTP";
            cleaning.leave(&[key], reason, translation);
        }
        lifetime = cleaning.number(key)?.map(|number| (number, cleaning.name_of(key)));
        connections(&mut cleaning, program, translation)?;
        cleaning.finish(translation);
    }
    match (program, interval) {
        (Program::Ws, Some((number, from))) => {
            translation.set_number("websocket.interval_s", number, (10, 3600), from);
        }
        (Program::Ws, None) => {}
        (Program::Udp | Program::Http, interval) => translation.set_times(interval, lifetime),
    }
    Ok(())
}

fn connections(
    cleaning: &mut Section<'_>,
    program: Program,
    translation: &mut Translation,
) -> Result<(), ImportError> {
    if let Some(seconds) = cleaning.number("max_connection_age")? {
        let from = cleaning.name_of("max_connection_age");
        translation.set_number("connection_ids.lifetime_s", seconds, (10, 3600), from);
    }
    if let Some(seconds) = cleaning.number("max_connection_idle")? {
        let from = cleaning.name_of("max_connection_idle");
        match program {
            Program::Ws => translation.set_number("websocket.idle_s", seconds, (10, 3600), from),
            _ => translation.set_number("http.idle_s", seconds, (1, 3600), from),
        }
    }
    let own = ["torrent_cleaning_interval", "connection_cleaning_interval", "max_offer_age"];
    cleaning.leave(&own, OWN, translation);
    cleaning.leave(&["close_after_tls_update_grace_period"], "connections are kept", translation);
    Ok(())
}

/// Translates the address of the figures. The names of the figures differ.
fn figures(root: &mut Section<'_>, name: &str, translation: &mut Translation) -> Result<(), ImportError> {
    let Some(mut section) = root.section(name)? else { return Ok(()) };
    translation.leave(root.name_of(name), "Ringtrack has figures of its own, with other names");
    let address = section.address("prometheus_endpoint_address")?;
    if section.flag("run_prometheus_endpoint")? == Some(true) {
        let default = SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), 9000);
        let list = Value::List(vec![address.unwrap_or(default).to_string()]);
        translation.set("metrics.listen", list, section.name_of("prometheus_endpoint_address"));
    }
    Ok(())
}

/// Returns the root directory that the program changes to.
fn new_root(root: &mut Section<'_>, translation: &mut Translation) -> Result<Option<PathBuf>, ImportError> {
    let Some(mut section) = root.section("privileges")? else { return Ok(None) };
    translation.leave(root.name_of("privileges"), "the service manager chooses the user and the directories");
    let new_root = section.text("chroot_path")?.map(PathBuf::from);
    let is_used = section.flag("drop_privileges")? == Some(true);
    Ok(new_root.filter(|_| is_used))
}
