//! The URL of the database.

use std::ffi::OsStr;
use std::fmt;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use serde::de::Error;
use url::Url;

use crate::values::{Fault, Json, Value, Written};

/// The name of the default database file.
const AUTOMATIC_FILE: &str = "ringtrack.db";

/// The schemes of the URLs of servers.
const SERVERS: [&str; 4] = ["mysql", "mariadb", "postgres", "postgresql"];

/// A database, and how to connect to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DatabaseUrl {
    /// A SQLite file in the service manager's state directory, or in the working directory.
    Automatic,
    /// No database.
    None,
    /// A SQLite file.
    Sqlite(PathBuf),
    /// A database on a server.
    Server(DatabaseServer),
}

impl DatabaseUrl {
    /// Returns the path of the SQLite file, if it is one. `state_directory` is the variable `STATE_DIRECTORY`.
    pub fn sqlite_file(&self, state_directory: Option<&OsStr>) -> Option<PathBuf> {
        match self {
            Self::Automatic => {
                let directory = state_directory.and_then(first_path).unwrap_or(Path::new("."));
                Some(directory.join(AUTOMATIC_FILE))
            }
            Self::Sqlite(path) => Some(path.clone()),
            Self::None | Self::Server(_) => None,
        }
    }
}

/// Returns the first of the directories, separated by colons, that systemd lists in a variable.
pub fn first_path(list: &OsStr) -> Option<&Path> {
    let first = list.as_bytes().split(|&byte| byte == b':').next()?;
    if first.is_empty() { None } else { Some(Path::new(OsStr::from_bytes(first))) }
}

/// Formats the URL as in a file, but without the secrets of a server's URL.
impl fmt::Display for DatabaseUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Automatic => Ok(()),
            Self::None => formatter.write_str("none"),
            Self::Sqlite(path) => write!(formatter, "sqlite:{}", path.display()),
            Self::Server(server) => server.fmt(formatter),
        }
    }
}

impl Written for DatabaseUrl {
    fn written(&self) -> Json {
        self.to_string().into()
    }
}

/// A database on a server. Its printed form omits the secrets.
#[derive(Clone, PartialEq, Eq)]
pub struct DatabaseServer {
    url: Url,
}

impl DatabaseServer {
    /// Returns the URL with its secrets, for the database driver only. It must not be shown.
    pub fn secret_url(&self) -> &str {
        self.url.as_str()
    }
}

impl fmt::Display for DatabaseServer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}://{}", self.url.scheme(), self.url.username())?;
        if self.url.password().is_some() {
            formatter.write_str(":(secret)")?;
        }
        if !self.url.username().is_empty() || self.url.password().is_some() {
            formatter.write_str("@")?;
        }
        formatter.write_str(self.url.host_str().unwrap_or(""))?;
        if let Some(port) = self.url.port() {
            write!(formatter, ":{port}")?;
        }
        formatter.write_str(self.url.path())?;
        // Options may contain a password, or that of a file.
        formatter.write_str(if self.url.query().is_some() { "?(secret)" } else { "" })
    }
}

impl fmt::Debug for DatabaseServer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "DatabaseServer({self})")
    }
}

/// The fault of a database URL. No message shows any part of the URL.
#[derive(Debug, thiserror::Error)]
enum UrlError {
    #[error("the value (not shown) is not text, expected text in quotes")]
    NoText,
    #[error(
        "names an unknown kind of database, expected \"\", \"none\", \"sqlite:PATH\", or the URL of a server \
         that begins with mysql://, mariadb://, postgres:// or postgresql://"
    )]
    Kind,
    #[error("names no file, expected \"sqlite:PATH\" such as \"sqlite:/var/lib/ringtrack/ringtrack.db\"")]
    NoFile,
    #[error("has options after a `?`, which a SQLite file does not have, expected \"sqlite:PATH\"")]
    FileOptions,
    #[error("names an in-memory database, which stores nothing, expected \"none\" for no database")]
    InMemory,
    #[error("is not a URL ({0}), expected one such as mysql://user:password@host:3306/database")]
    NoUrl(url::ParseError),
    #[error(
        "has a `@` or a `#` after the host, expected %40, %2F, %3A, %3F, %23 and %25 in a password for \
         `@`, `/`, `:`, `?`, `#` and `%`"
    )]
    NotEncoded,
    #[error(
        "names no database, expected one word after the host, as in mysql://user:password@host:3306/database"
    )]
    NoDatabase,
}

/// Reads the URL of a database. No message shows any part of the value.
pub(crate) fn database_url(value: &Value<'_>) -> Result<DatabaseUrl, Fault> {
    value.as_str().ok_or(UrlError::NoText).and_then(parse).map_err(Fault::custom)
}

fn parse(text: &str) -> Result<DatabaseUrl, UrlError> {
    match text.split_once(':').map(|(scheme, rest)| (scheme.to_ascii_lowercase(), rest)) {
        _ if text.is_empty() => Ok(DatabaseUrl::Automatic),
        _ if text == "none" => Ok(DatabaseUrl::None),
        Some((scheme, rest)) if scheme == "sqlite" => sqlite(rest).map(DatabaseUrl::Sqlite),
        Some((scheme, rest)) if rest.starts_with("//") && SERVERS.contains(&scheme.as_str()) => {
            Ok(DatabaseUrl::Server(DatabaseServer { url: server_url(text)? }))
        }
        _ => Err(UrlError::Kind),
    }
}

fn sqlite(rest: &str) -> Result<PathBuf, UrlError> {
    match rest.strip_prefix("//").unwrap_or(rest) {
        "" => Err(UrlError::NoFile),
        ":memory:" => Err(UrlError::InMemory),
        path if path.contains('?') => Err(UrlError::FileOptions),
        path => Ok(path.into()),
    }
}

fn server_url(text: &str) -> Result<Url, UrlError> {
    let url = Url::parse(text).map_err(UrlError::NoUrl)?;
    // An unencoded password ends the host early: the rest of it must not be taken for the path, which is shown.
    if url.fragment().is_some() || url[url::Position::BeforePath..].contains('@') {
        return Err(UrlError::NotEncoded);
    }
    let database = url.path().trim_start_matches('/');
    if database.is_empty() || database.contains('/') {
        return Err(UrlError::NoDatabase);
    }
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{assert_variable_refused, load_environment, load_text};

    fn load(url: &str) -> DatabaseUrl {
        load_text(&format!("database.url = {url:?}\n")).unwrap().database.url
    }

    /// Returns the error of the URL in a file. Asserts that it is refused in a variable, too.
    fn refusal(url: &str) -> String {
        assert_variable_refused("RINGTRACK_DATABASE_URL", &format!("{url:?}"), &["database.url"]);
        load_text(&format!("[database]\nurl = {url:?}\n")).unwrap_err().to_string()
    }

    #[test]
    fn an_empty_url_none_and_files_are_read() {
        assert_eq!(load(""), DatabaseUrl::Automatic);
        assert_eq!(load("none"), DatabaseUrl::None);
        for (url, path) in [
            ("sqlite:data.db", "data.db"),
            ("sqlite:/srv/r.db", "/srv/r.db"),
            ("sqlite:///srv/r.db", "/srv/r.db"),
            ("sqlite://r.db", "r.db"),
        ] {
            assert_eq!(load(url), DatabaseUrl::Sqlite(path.into()), "{url}");
        }
    }

    #[test]
    fn servers_are_accepted_and_shown_without_password_and_options() {
        let cases = [
            ("mysql://u:hunter2@h/d", "mysql://u:(secret)@h/d"),
            ("mariadb://u:hunter2@h:3307/d", "mariadb://u:(secret)@h:3307/d"),
            ("postgres://h/d", "postgres://h/d"),
            ("postgresql://u@[::1]/d", "postgresql://u@[::1]/d"),
            ("postgres:///d?host=/run/postgresql&password=hunter2", "postgres:///d?(secret)"),
            ("mysql://:hunter2@h/d", "mysql://:(secret)@h/d"),
            // The last `@` ends the password.
            ("mysql://u:hunter2@hunter2@h/d", "mysql://u:(secret)@h/d"),
        ];
        for (url, shown) in cases {
            let loaded = load(url);
            assert!(!format!("{loaded:?}").contains("hunter2"), "{loaded:?}");
            assert_eq!(loaded.to_string(), shown);
            let DatabaseUrl::Server(server) = loaded else { panic!("{loaded:?}") };
            assert_eq!(server.secret_url().contains("hunter2"), url.contains("hunter2"));
        }
    }

    #[test]
    fn a_url_in_a_variable_needs_no_quotes() {
        let loaded = load_environment(&[("RINGTRACK_DATABASE_URL", "mysql://u:p@h/d")]).unwrap();
        assert_eq!(loaded.database.url, load("mysql://u:p@h/d"));
    }

    #[test]
    fn an_invalid_database_url_is_refused_with_what_is_allowed() {
        let cases = [
            ("ringtrack.db", "\"sqlite:PATH\""),
            ("oracle://u:hunter2@h/d", "mysql://, mariadb://, postgres:// or postgresql://"),
            ("mysql:u:hunter2@h/d", "mysql://"),
            ("sqlite:", "names no file"),
            ("sqlite://", "names no file"),
            ("sqlite::memory:", "\"none\""),
            ("sqlite:r.db?mode=rwc", "options"),
            ("mysql://u:hunter2@h", "names no database"),
            ("mysql://u:hunter2@h/", "names no database"),
            ("mysql://u:hunter2@h/a/b", "names no database"),
            ("mysql://u:hunter2@h:port/d", "is not a URL (invalid port number)"),
        ];
        for (url, part) in cases {
            let message = refusal(url);
            assert!(message.contains(part) && message.contains(":2: database.url: "), "{message}");
            assert!(!message.contains("hunter2"), "{message}");
        }
    }

    #[test]
    fn an_unencoded_password_is_refused_and_not_shown() {
        for rest in ["/hunter2@h/d", "/hunter2@h", "?hunter2@h/d", "#hunter2@h/d"] {
            let message = refusal(&format!("mysql://u:1{rest}"));
            assert!(message.contains("expected %40"), "{message}");
            assert!(!message.contains("hunter2"), "{message}");
        }
    }

    #[test]
    fn another_type_is_refused_without_the_value() {
        for value in
            ["7351", "73517351735173517351", "true", "7351.5", "[\"7351\"]", "{ a = \"7351\" }", "7351-01-01"]
        {
            let message = load_text(&format!("[database]\nurl = {value}\n")).unwrap_err().to_string();
            assert!(message.contains("database.url: ") && !message.contains("7351"), "{message}");
        }
        // A comma turns the value of a variable into a list.
        let message = load_environment(&[("RINGTRACK_DATABASE_URL", "mysql://u:hunter2,x@h/d")]).unwrap_err();
        assert!(message.to_string().contains("text in quotes"), "{message}");
        assert!(!message.to_string().contains("hunter2"), "{message}");
    }

    #[test]
    fn the_default_file_is_in_the_first_state_directory_or_in_the_working_directory() {
        let listed = Some(OsStr::new("/var/lib/ringtrack:/var/lib/more"));
        let file = |url: DatabaseUrl, directories| url.sqlite_file(directories);
        assert_eq!(file(DatabaseUrl::Automatic, listed), Some("/var/lib/ringtrack/ringtrack.db".into()));
        for none in [None, Some(OsStr::new(""))] {
            assert_eq!(file(DatabaseUrl::Automatic, none), Some("./ringtrack.db".into()));
        }
        assert_eq!(file(DatabaseUrl::Sqlite("/srv/r.db".into()), listed), Some("/srv/r.db".into()));
        assert_eq!(file(DatabaseUrl::None, listed), None);
        assert_eq!(file(load("mysql://h/d"), listed), None);
    }
}
