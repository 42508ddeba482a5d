//! `[database]`: what survives a restart, and where it lies.

use confique::Config;
use serde::Serialize;

use crate::limits;
use crate::values::choice;
use crate::values::database_url::DatabaseUrl;
use crate::values::integer::between;
use crate::values::switch::Switch;

/// The database. No request waits for it.
#[derive(Debug, Clone, PartialEq, Eq, Config, Serialize)]
pub struct Database {
    /// The database in which keys and their accounts, bans and the management API's lists are kept.
    ///
    /// Allowed: "" for the file `ringtrack.db` of SQLite in the first directory of the environment variable
    /// `STATE_DIRECTORY`, which systemd sets, or in the working directory where there is no such variable; "none" for
    /// no database; "sqlite:PATH" for another file; or the URL of a server, which begins with `mysql://`,
    /// `mariadb://`, `postgres://` or `postgresql://`, such as `mysql://user:password@host:3306/database`.
    ///
    /// Without a database, a restart forgets all of that. One tracker at a time uses a database: a second one does
    /// not start. A server lets other programs look at it. What in a password is not a letter or a digit has to be
    /// percent-encoded. Passwords are never logged; the environment variable keeps one out of this file.
    #[config(env = "RINGTRACK_DATABASE_URL", default = "")]
    pub url: DatabaseUrl,

    /// How often changes are written.
    ///
    /// Allowed: 1 to 3600 seconds.
    ///
    /// A crash loses what is not written yet; an orderly stop writes it. A longer interval makes fewer and larger
    /// writes, in which several changes of one account are one.
    #[config(
        env = "RINGTRACK_DATABASE_FLUSH_EVERY_S",
        default = 5,
        deserialize_with = between::<
            { limits::DATABASE_FLUSH_EVERY_S_MIN }, { limits::DATABASE_FLUSH_EVERY_S_MAX }, _, _
        >
    )]
    pub flush_every_s: u32,

    /// How many changes may wait to be written.
    ///
    /// Allowed: 1000 to 100000000 changes, of about 100 bytes each.
    ///
    /// They wait while the database is away or slow, and clients are served on. What comes beyond is refused to the
    /// management API, or lost, and counted: more of them ride out a longer absence.
    #[config(
        env = "RINGTRACK_DATABASE_PENDING_MAX",
        default = 1_000_000,
        deserialize_with = between::<
            { limits::DATABASE_PENDING_MIN }, { limits::DATABASE_PENDING_MAX }, _, _
        >
    )]
    pub pending_max: u32,

    /// Whether each torrent's count of completed events survives a restart.
    ///
    /// Allowed: "off" or "on".
    ///
    /// With "on", scrapes go on counting where they were. It costs a write for each torrent that was completed since
    /// the writes before, a row and some memory for each torrent that ever was (see `access.torrents_max`), and the
    /// start reads them all. With "off", a count begins with its swarm.
    #[config(
        env = "RINGTRACK_DATABASE_REMEMBER_COMPLETED",
        default = "off",
        deserialize_with = choice::of
    )]
    #[serde(serialize_with = "choice::show")]
    pub remember_completed: Switch,

    /// How long the start waits for the database.
    ///
    /// Allowed: 0 to 300 seconds. Less than what the service manager waits for the start (with systemd,
    /// `TimeoutStartSec=`, 90 by default).
    ///
    /// Then the tracker goes on without it and tries again later. Until the database is there, no stored key, list
    /// or ban is known: a private tracker knows nobody, and a public one bans nobody.
    #[config(
        env = "RINGTRACK_DATABASE_START_WAIT_S",
        default = 10,
        deserialize_with = between::<0, { limits::DATABASE_START_WAIT_S_MAX }, _, _>
    )]
    pub start_wait_s: u32,
}
