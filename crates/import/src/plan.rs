//! What an import is to do: read from the foreign configuration, before anything is written.

use crate::aquatic::Aquatic;
use crate::copy::Data;
use crate::lines::Lines;
use crate::opentracker::{self, Imported};
use crate::report::Report;
use crate::section::read_text;
use crate::target::Target;
use crate::torrust::{self, Location, is_of_torrust};
use crate::translation::Translation;
use crate::{DatabasePlace, ImportError, Mode, Source};
use config::{Access, Configuration};
use primitives::TorrentList;
use std::fmt;
use std::path::{Path, PathBuf};

/// An import whose configuration was read and translated.
pub struct Plan {
    origin: String,
    translation: Translation,
    data: Data,
}

/// The tokens and passwords in it have no printed form.
impl fmt::Debug for Plan {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Plan").field("origin", &self.origin).finish_non_exhaustive()
    }
}

impl Plan {
    /// Reads and translates the foreign configuration. `into` is the URL of Ringtrack's database, if it is not the
    /// default one.
    ///
    /// # Errors
    /// If a file cannot be read, or its text is wrong.
    pub fn new(source: &Source, into: Option<&DatabasePlace>) -> Result<Self, ImportError> {
        let mut translation = Translation::default();
        if let Some(into) = into {
            translation.set_text("database.url", &with_whole_path(into.as_str()), "--into");
        }
        let (program, files, data) = match source {
            Source::Torrust { config, database } => {
                let data = of_torrust(config, database.as_ref(), &mut translation)?;
                ("Torrust Tracker", std::slice::from_ref(config), data)
            }
            Source::Opentracker { config, whitelist, blacklist, statedump } => {
                let text = read_text(config)?;
                let data = of_opentracker(&text, [whitelist, blacklist, statedump], &mut translation);
                ("opentracker", std::slice::from_ref(config), data)
            }
            Source::Aquatic { configs, access_list } => {
                ("aquatic", &configs[..], of_aquatic(configs, access_list.as_deref(), &mut translation)?)
            }
        };
        // Quotes and escapes keep a name on one line.
        let files: Vec<String> = files.iter().map(|file| format!("{file:?}")).collect();
        Ok(Self { origin: format!("{program}: {}", files.join(", ")), translation, data })
    }

    /// Names the database that the data is written to, unless another one is named. The tracker would use it by default,
    /// but in another working directory it would be another file.
    pub fn set_default_database(&mut self, place: &DatabasePlace) {
        if self.has_data() {
            self.translation.set_text("database.url", &with_whole_path(place.as_str()), "the imported data");
        }
    }

    fn has_data(&self) -> bool {
        !matches!(&self.data, Data::Files(files) if files.is_empty())
    }

    /// Returns the text of the configuration file.
    pub fn text(&self) -> String {
        self.translation.text(&self.origin)
    }

    /// Returns the text of the configuration file without tokens and passwords.
    pub fn text_without_secrets(&self) -> String {
        self.translation.text_without_secrets(&self.origin)
    }

    /// Returns whether the configuration file contains secrets.
    pub fn has_secrets(&self) -> bool {
        self.translation.has_secrets()
    }

    /// Copies the data into the database `into`, which may be missing if there is none. `configuration` is the produced
    /// one. A dry run only reads.
    ///
    /// # Errors
    /// If a source cannot be read, or the database cannot be used, for instance because a tracker uses it. What was
    /// written before stays, and a second import does the rest.
    pub async fn copy(
        self,
        into: Option<&DatabasePlace>,
        configuration: &Configuration,
        mode: Mode,
    ) -> Result<Report, ImportError> {
        let has_data = self.has_data();
        let mut report = Report {
            configuration: format!("{}: {} keys translated", self.origin, self.translation.len()),
            not_translated: self.translation.not_translated,
            unknown: self.translation.unknown,
            ..Report::default()
        };
        if !has_data {
            return Ok(report);
        }
        let place = into.ok_or(ImportError::NoDatabase)?;
        let into = place.url()?;
        // A source that cannot be read is no reason to create a database.
        let mut opened = self.data.open().await?;
        // The same server may have several names.
        if is_of_torrust(place).await {
            return Err(ImportError::TorrustDatabase(into.to_string()));
        }
        let mut target = Target::open(&into, mode).await?;
        let copied = opened.copy(&mut target, &mut report).await;
        report.hints = hints(&target, &configuration.access);
        target.close().await;
        copied?;
        let verb = if mode == Mode::Run { "data is in" } else { "data would be in" };
        report.database = Some(format!("{verb} {into}"));
        Ok(report)
    }
}

fn of_torrust(
    config: &Path,
    database: Option<&DatabasePlace>,
    translation: &mut Translation,
) -> Result<Data, ImportError> {
    let stored = torrust::translate(config, &read_text(config)?, translation)?;
    Ok(Data::Torrust(
        Location::parse(database.map_or(&*stored.database, DatabasePlace::as_str))?,
        stored.key_expiry,
    ))
}

fn of_opentracker(
    text: &str,
    [whitelist, blacklist, statedump]: [&Option<PathBuf>; 3],
    translation: &mut Translation,
) -> Data {
    let imported = Imported { whitelist: whitelist.is_some(), blacklist: blacklist.is_some() };
    opentracker::translate(text, imported, translation);
    if statedump.is_some() {
        translation.set_text("database.remember_completed", "on", "--statedump");
    }
    let files = [
        (Lines::List(TorrentList::Allowed), whitelist),
        (Lines::List(TorrentList::Denied), blacklist),
        (Lines::StateDump, statedump),
    ];
    Data::Files(files.into_iter().filter_map(|(lines, file)| Some((lines, file.clone()?))).collect())
}

fn of_aquatic(
    configs: &[PathBuf],
    access_list: Option<&Path>,
    translation: &mut Translation,
) -> Result<Data, ImportError> {
    let mut aquatic = Aquatic::new(configs.len());
    for config in configs {
        aquatic.add(config, &read_text(config)?, translation)?;
    }
    let imported = access_list.map(|file| {
        aquatic.list().map(|list| vec![(Lines::List(list), file.to_owned())]).ok_or_else(|| {
            ImportError::Text {
                place: "--access-list".to_owned(),
                reason: "the mode of access_list is \"off\", expected \"allow\" or \"deny\"".to_owned(),
            }
        })
    });
    let files = imported.transpose()?.unwrap_or_default();
    aquatic.finish(access_list.is_some(), translation);
    Ok(Data::Files(files))
}

/// Returns the URL with a whole path, since the tracker may have another working directory.
fn with_whole_path(url: &str) -> String {
    let path = url.strip_prefix("sqlite:").map(|path| path.strip_prefix("//").unwrap_or(path));
    let whole = path.filter(|path| !path.is_empty()).and_then(|path| std::path::absolute(path).ok());
    whole.map_or_else(|| url.to_owned(), |path| format!("sqlite:{}", path.display()))
}

/// Returns what the operator should know of the numbers.
fn hints(target: &Target, access: &Access) -> Vec<String> {
    let (listed, counted, keys) = target.totals();
    let mut hints = Vec::new();
    for (what, count, limit, key) in [
        ("listed torrents", listed, access.torrents_max, "access.torrents_max"),
        ("completed torrents", counted, access.torrents_max, "access.torrents_max"),
        ("keys", keys, access.keys_max, "access.keys_max"),
    ] {
        if count > limit as usize {
            hints.push(format!("the database has {count} {what}: raise {key}, which is {limit}"));
        }
    }
    hints
}
