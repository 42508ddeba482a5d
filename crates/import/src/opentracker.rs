//! The configuration of opentracker: a key and a value in each line.

use crate::report::excerpt;
use crate::translation::{Listeners, Translation, Value, addresses, below, refusal};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;

/// The port of an address without one.
const PORT: u16 = 6969;

/// Keys whose meaning cannot be translated, with the reason.
const NOT_TRANSLATED: &[(&str, &str)] = &[
    ("listen.udp.workers", "there is one worker for each core, see workers.cores"),
    ("access.stats", "statistics are read through the management API, with a token"),
    ("access.stats_path", "statistics are read through the management API, with a token"),
    ("tracker.user", "the service manager chooses the user"),
    ("livesync.cluster.listen", "trackers do not share their swarms"),
    ("livesync.cluster.node_ip", "trackers do not share their swarms"),
    ("batchsync.cluster.admin_ip", "trackers do not share their swarms"),
];

/// The lists that are imported into the database, and not named in the configuration.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Imported {
    pub(crate) whitelist: bool,
    pub(crate) blacklist: bool,
}

/// Translates the text of a configuration file.
pub(crate) fn translate(text: &str, imported: Imported, translation: &mut Translation) {
    let mut conf = Conf::default();
    for line in text.lines().map(str::trim) {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (key, value) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
        conf.read(key, value.trim(), translation);
    }
    conf.translate(imported, translation);
}

/// What is known after the last line.
#[derive(Default)]
struct Conf {
    listeners: Listeners,
    root: Option<PathBuf>,
    whitelist: Option<PathBuf>,
    blacklist: Option<PathBuf>,
    proxies: Vec<String>,
}

impl Conf {
    fn read(&mut self, key: &str, value: &str, translation: &mut Translation) {
        match key {
            "listen.tcp_udp" | "listen.tcp" | "listen.udp" => self.listen(key, value, translation),
            "tracker.rootdir" => self.root = Some(value.into()),
            "tracker.redirect_url" => translation.set_text("statistics.redirect", value, key),
            "access.whitelist" => self.whitelist = Some(value.into()),
            "access.blacklist" => self.blacklist = Some(value.into()),
            "access.proxy" => match refusal("proxy.trusted", &Value::List(vec![value.to_owned()])) {
                None => self.proxies.push(value.to_owned()),
                Some(reason) => translation.leave(key, &reason),
            },
            _ => match NOT_TRANSLATED.iter().find(|(known, _)| *known == key) {
                Some((_, reason)) => translation.leave(key, reason),
                None => translation.unknown.push(excerpt(key)),
            },
        }
    }

    fn listen(&mut self, key: &str, value: &str, translation: &mut Translation) {
        let Some(bound) = address(value).map(addresses) else {
            return translation.leave(key, &format!("\"{}\" is not an address", excerpt(value)));
        };
        if key != "listen.tcp" {
            self.listeners.udp.extend(&bound);
        }
        if key != "listen.udp" {
            self.listeners.http.extend(&bound);
        }
    }

    fn translate(mut self, imported: Imported, translation: &mut Translation) {
        if self.listeners.udp.is_empty() && self.listeners.http.is_empty() {
            let everywhere = SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), PORT);
            self.listeners.udp.push(everywhere);
            self.listeners.http.push(everywhere);
        }
        self.listeners.set("listen", translation);
        translation.set_text("websocket.enabled", "off", "opentracker serves no WebTorrent");
        let path = |list: Option<PathBuf>| list.map(|path| below(self.root.as_deref(), &path));
        let (whitelist, blacklist) = (path(self.whitelist), path(self.blacklist));
        if whitelist.is_some() || imported.whitelist {
            translation.set_text("access.mode", "listed", "access.whitelist");
        }
        for (key, from, list, is_imported) in [
            ("access.allow_file", "access.whitelist", whitelist, imported.whitelist),
            ("access.deny_file", "access.blacklist", blacklist, imported.blacklist),
        ] {
            match list {
                Some(_) if is_imported => translation.leave(from, "the list is imported into the database"),
                Some(path) => translation.set(key, Value::File(path), from),
                None => {}
            }
        }
        if !self.proxies.is_empty() {
            let header = ("proxy.header", Value::Text("x-forwarded-for".to_owned()));
            translation.set_together([header, ("proxy.trusted", Value::List(self.proxies))], "access.proxy");
        }
    }
}

fn address(text: &str) -> Option<SocketAddr> {
    let ip = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    text.parse().ok().or_else(|| Some(SocketAddr::new(ip.parse::<IpAddr>().ok()?, PORT)))
}
