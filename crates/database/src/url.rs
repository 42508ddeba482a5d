use sqlx::ConnectOptions;
use sqlx::mysql::MySqlConnectOptions;
use sqlx::postgres::PgConnectOptions;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

/// The location of the database, as configured: `sqlite:PATH`, `mysql://…`, `mariadb://…`, `postgres://…`. Its printed
/// form omits the password and the options.
#[derive(Clone)]
pub struct DatabaseUrl {
    pub(crate) target: Target,
}

#[derive(Clone)]
pub(crate) enum Target {
    Sqlite(PathBuf),
    MySql(Box<MySqlConnectOptions>),
    Postgres(Box<PgConnectOptions>),
}

/// The reason why a text is not a database URL. It does not repeat the text, which may contain a password.
#[derive(Debug, thiserror::Error)]
pub enum DatabaseUrlError {
    #[error("a database URL begins with sqlite:, mysql://, mariadb:// or postgres://")]
    UnknownKind,
    #[error("sqlite: is followed by the path of a file")]
    NoFile,
    #[error("the URL names no database: it ends with /NAME")]
    NoDatabase,
    #[error("the database URL is malformed: {0}")]
    Malformed(#[source] sqlx::Error),
}

impl FromStr for DatabaseUrl {
    type Err = DatabaseUrlError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (scheme, rest) = text.split_once(':').ok_or(DatabaseUrlError::UnknownKind)?;
        let target = match scheme {
            "sqlite" => sqlite(rest)?,
            "mysql" | "mariadb" => mysql(rest)?,
            "postgres" | "postgresql" => postgres(rest)?,
            _ => return Err(DatabaseUrlError::UnknownKind),
        };
        Ok(Self { target })
    }
}

/// Everything after the scheme is the path, which is not decoded. A database in memory is refused, because it would be
/// a different one for each connection.
fn sqlite(rest: &str) -> Result<Target, DatabaseUrlError> {
    let path = rest.strip_prefix("//").unwrap_or(rest);
    if path.is_empty() || path.starts_with(':') {
        return Err(DatabaseUrlError::NoFile);
    }
    Ok(Target::Sqlite(PathBuf::from(path)))
}

fn mysql(rest: &str) -> Result<Target, DatabaseUrlError> {
    let options: MySqlConnectOptions =
        format!("mysql:{rest}").parse().map_err(DatabaseUrlError::Malformed)?;
    options.get_database().ok_or(DatabaseUrlError::NoDatabase)?;
    Ok(Target::MySql(Box::new(options.disable_statement_logging())))
}

fn postgres(rest: &str) -> Result<Target, DatabaseUrlError> {
    let options: PgConnectOptions =
        format!("postgres:{rest}").parse().map_err(DatabaseUrlError::Malformed)?;
    options.get_database().ok_or(DatabaseUrlError::NoDatabase)?;
    let options = options.application_name("ringtrack").disable_statement_logging();
    Ok(Target::Postgres(Box::new(options)))
}

impl fmt::Display for DatabaseUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.target {
            Target::Sqlite(path) => write!(formatter, "sqlite:{}", path.display()),
            Target::MySql(options) => {
                let place = place(options.get_socket(), options.get_host(), options.get_port());
                let database = options.get_database().unwrap_or_default();
                write!(formatter, "mysql://{}@{place}/{database}", options.get_username())
            }
            Target::Postgres(options) => {
                let place = place(options.get_socket(), options.get_host(), options.get_port());
                let database = options.get_database().unwrap_or_default();
                write!(formatter, "postgres://{}@{place}/{database}", options.get_username())
            }
        }
    }
}

fn place(socket: Option<&PathBuf>, host: &str, port: u16) -> String {
    socket.map_or_else(|| format!("{host}:{port}"), |path| path.display().to_string())
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "DatabaseUrl({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        text.parse::<DatabaseUrl>().unwrap().to_string()
    }

    #[test]
    fn every_backend_has_its_urls() {
        assert_eq!(shown("sqlite:tracker.db"), "sqlite:tracker.db");
        assert_eq!(shown("sqlite:///var/lib/tracker.db"), "sqlite:/var/lib/tracker.db");
        assert_eq!(shown("mysql://me@db.example/tracker"), "mysql://me@db.example:3306/tracker");
        assert_eq!(shown("mariadb://me@db.example:33/tracker"), "mysql://me@db.example:33/tracker");
        assert_eq!(shown("mysql://me@localhost/tracker?socket=/run/m"), "mysql://me@/run/m/tracker");
        assert_eq!(shown("postgres://me@db.example/tracker"), "postgres://me@db.example:5432/tracker");
        assert_eq!(shown("postgresql://me@%2Frun%2Fp/tracker"), "postgres://me@/run/p/tracker");
    }

    #[test]
    fn a_password_is_never_printed() {
        for text in [
            "mysql://me:hunter2@db.example/tracker",
            "postgres://me:hunter2@db.example/tracker",
            "postgres://me@db.example/tracker?password=hunter2",
        ] {
            let url: DatabaseUrl = text.parse().unwrap();
            assert!(!format!("{url} {url:?} {url:#?}").contains("hunter2"));
        }
        for wrong in ["mysql://me:hunter2/@db.example", "postgres://me:hunter2@a b/c", "hunter2://x"] {
            let error = wrong.parse::<DatabaseUrl>().unwrap_err();
            assert!(!format!("{error} {error:?}").contains("hunter2"), "{error:?}");
        }
    }

    #[test]
    fn a_url_names_a_known_backend_and_its_database() {
        let error = |text: &str| text.parse::<DatabaseUrl>().unwrap_err().to_string();
        for text in ["", "tracker.db", "redis://localhost/1", "file:tracker.db"] {
            assert!(error(text).contains("begins with"), "{text}");
        }
        for text in ["sqlite:", "sqlite://", "sqlite::memory:"] {
            assert!(error(text).contains("path of a file"), "{text}");
        }
        assert!(error("mysql://me@db.example").contains("names no database"));
        assert!(error("postgres://me@db.example").contains("names no database"));
    }
}
