//! The configuration of Torrust Tracker, schema 2.0.0, and its database.

mod database;

pub(crate) use self::database::{Location, Table, TableReader, TorrustDatabase, is_of_torrust};

use crate::ImportError;
use crate::section::Section;
use crate::translation::{Listeners, Translation, Value, addresses, identity, refusal};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;

/// The version of the schema that is read.
const SCHEMA: &str = "2.0.0";

/// Whether a key's expiry is imported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum KeyExpiry {
    Kept,
    /// Torrust does not check it, so the keys are valid forever.
    Ignored,
}

/// What the configuration says of the database.
pub(crate) struct Stored {
    /// The path or URL.
    pub(crate) database: String,
    pub(crate) key_expiry: KeyExpiry,
}

/// Translates a configuration file.
pub(crate) fn translate(
    file: &Path,
    text: &str,
    translation: &mut Translation,
) -> Result<Stored, ImportError> {
    let mut root = Section::parse(file, text)?;
    check_schema(&mut root, file, translation)?;
    if let Some(mut logging) = root.section("logging")? {
        if let Some(level) = logging.text("threshold")? {
            translation.set_log_level(&level, logging.name_of("threshold"));
        }
        logging.finish(translation);
    }
    let stored = core(&mut root, translation)?;
    listeners(&mut root, translation)?;
    api(&mut root, translation)?;
    if let Some(mut health) = root.section("health_check_api")? {
        if let Some(address) = health.address("bind_address")? {
            let list = Value::List(vec![address.to_string()]);
            translation.set("health_check_api.listen", list, health.name_of("bind_address"));
        }
        health.finish(translation);
    }
    root.finish(translation);
    Ok(stored)
}

fn check_schema(
    root: &mut Section<'_>,
    file: &Path,
    translation: &mut Translation,
) -> Result<(), ImportError> {
    let Some(mut metadata) = root.section("metadata")? else { return Ok(()) };
    let version = metadata.text("schema_version")?.unwrap_or_else(|| SCHEMA.to_owned());
    if version != SCHEMA {
        return Err(ImportError::Text {
            place: format!("{}: {}", file.display(), metadata.name_of("schema_version")),
            reason: format!("expected \"{SCHEMA}\", of Torrust Tracker 3"),
        });
    }
    metadata.text("app")?;
    metadata.text("purpose")?;
    metadata.finish(translation);
    Ok(())
}

fn core(root: &mut Section<'_>, translation: &mut Translation) -> Result<Stored, ImportError> {
    let mut stored = Stored {
        database: "./storage/tracker/lib/database/sqlite3.db".to_owned(),
        key_expiry: KeyExpiry::Kept,
    };
    let Some(mut core) = root.section("core")? else { return Ok(stored) };
    let is_private = core.flag("private")?.unwrap_or_default();
    let mode = match (is_private, core.flag("listed")?.unwrap_or_default()) {
        (false, false) => "public",
        (false, true) => "listed",
        (true, false) => "private",
        (true, true) => "private-listed",
    };
    translation.set_text("access.mode", mode, "core.private and core.listed");
    policies(&mut core, translation)?;
    network(&mut core, translation)?;
    if let Some(mut database) = core.section("database")? {
        database.text("driver")?;
        stored.database = database.text("path")?.unwrap_or(stored.database);
        database.finish(translation);
    }
    if let Some(mut private) = core.section("private_mode")? {
        if private.flag("check_keys_expiration")? == Some(false) {
            stored.key_expiry = KeyExpiry::Ignored;
            let reason = "the expiry of keys is always checked: keys are imported without one";
            translation.leave(private.name_of("check_keys_expiration"), reason);
        }
        private.finish(translation);
    }
    core.leave(&["inactive_peer_cleanup_interval"], "peers are expired all the time", translation);
    core.leave(&["tracker_usage_statistics"], "requests are always counted", translation);
    core.finish(translation);
    Ok(stored)
}

fn policies(core: &mut Section<'_>, translation: &mut Translation) -> Result<(), ImportError> {
    let (mut interval, mut lifetime) = (None, None);
    if let Some(mut announce) = core.section("announce_policy")? {
        interval = announce.number("interval")?.map(|number| (number, announce.name_of("interval")));
        announce.leave(&["interval_min"], "clients may announce at half of the interval", translation);
        announce.finish(translation);
    }
    if let Some(mut tracker) = core.section("tracker_policy")? {
        let key = "max_peer_timeout";
        lifetime = tracker.number(key)?.map(|number| (number, tracker.name_of(key)));
        let key = "persistent_torrent_completed_stat";
        if tracker.flag(key)? == Some(true) {
            translation.set_text("database.remember_completed", "on", tracker.name_of(key));
        }
        tracker.leave(&["remove_peerless_torrents"], "torrents without peers are removed", translation);
        tracker.finish(translation);
    }
    translation.set_times(interval, lifetime);
    Ok(())
}

fn network(core: &mut Section<'_>, translation: &mut Translation) -> Result<(), ImportError> {
    let Some(mut network) = core.section("net")? else { return Ok(()) };
    let key = "external_ip";
    if network.text(key)?.is_some_and(|address| address != "0.0.0.0") {
        let reason = "clients at loopback addresses are announced with those addresses";
        translation.leave(network.name_of(key), reason);
    }
    let key = "on_reverse_proxy";
    if network.flag(key)? == Some(true) {
        translation.trust_local_proxies("x-forwarded-for", network.name_of(key));
    }
    network.finish(translation);
    Ok(())
}

fn listeners(root: &mut Section<'_>, translation: &mut Translation) -> Result<(), ImportError> {
    let mut listeners = Listeners::default();
    let everywhere = |port| SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), port);
    for mut udp in root.sections("udp_trackers")? {
        listeners.udp.extend(addresses(udp.address("bind_address")?.unwrap_or(everywhere(6969))));
        udp.finish(translation);
    }
    for mut http in root.sections("http_trackers")? {
        let bound = addresses(http.address("bind_address")?.unwrap_or(everywhere(7070)));
        match certificate(&mut http, translation)? {
            Some(files) => {
                listeners.https.extend(bound);
                listeners.add_certificate(files, &http.name_of("tsl_config"), translation);
            }
            None => listeners.http.extend(bound),
        }
        http.finish(translation);
    }
    listeners.set("udp_trackers and http_trackers", translation);
    Ok(())
}

/// Takes the certificate and the key of a listener.
fn certificate(
    listener: &mut Section<'_>,
    translation: &mut Translation,
) -> Result<Option<(String, String)>, ImportError> {
    let Some(mut tls) = listener.section("tsl_config")? else { return Ok(None) };
    let certificate = tls.text("ssl_cert_path")?.unwrap_or_default();
    let key = tls.text("ssl_key_path")?.unwrap_or_default();
    tls.finish(translation);
    Ok(Some((certificate, key)))
}

fn api(root: &mut Section<'_>, translation: &mut Translation) -> Result<(), ImportError> {
    let Some(mut api) = root.section("http_api")? else { return Ok(()) };
    let address = api.address("bind_address")?;
    let is_as_meant = match certificate(&mut api, translation)?.map(identity) {
        Some([certificate, key]) => {
            let files = [("api.certificate_file", certificate), ("api.key_file", key)];
            translation.set_together(files, api.name_of("tsl_config"))
        }
        None => true,
    };
    match (address, api.name_of("bind_address")) {
        (Some(address), from) if is_as_meant => {
            let list = addresses(address).iter().map(ToString::to_string).collect();
            translation.set("api.listen", Value::List(list), from);
        }
        // Others could read its tokens.
        (Some(_), from) => {
            translation.leave(from, "without its certificate, the API is at a loopback address only");
        }
        (None, _) => {}
    }
    if let Some(mut tokens) = api.section("access_tokens")? {
        let (mut accepted, from) = (Vec::new(), api.name_of("access_tokens"));
        for pair in tokens.texts()? {
            let name = tokens.name_of(&pair.0);
            match refusal("api.tokens", &Value::Table(vec![pair.clone()])) {
                None => accepted.push(pair),
                Some(reason) => translation.leave(name, &reason),
            }
        }
        if !accepted.is_empty() {
            translation.set("api.tokens", Value::Table(accepted), from);
        }
    }
    api.finish(translation);
    Ok(())
}
