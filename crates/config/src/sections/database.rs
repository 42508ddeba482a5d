//! `[database]`: storage of the data that survives a restart.

use confique::Config;
use serde::Serialize;

use crate::limits;
use crate::values::choice;
use crate::values::database_url::DatabaseUrl;
use crate::values::integer::between;
use crate::values::switch::Switch;

/// The database. No request of a client waits for it.
#[derive(Debug, Clone, PartialEq, Eq, Config, Serialize)]
pub struct Database {
    /// The database that stores keys and their accounts, bans, and the management API's lists.
    ///
    /// Allowed: "" for the SQLite file `ringtrack.db` in the first directory of the environment variable
    /// `STATE_DIRECTORY`, which systemd sets, or in the working directory if that variable is not set; "none" for no
    /// database; "sqlite:PATH" for another file; or the URL of a server, which begins with `mysql://`, `mariadb://`,
    /// `postgres://` or `postgresql://`, such as `mysql://user:password@host:3306/database`.
    ///
    /// Without a database, all of this is lost at a restart. Only one tracker at a time can use a database; a second
    /// one does not start. With a server, other programs can read the data. In a password, all characters but letters
    /// and digits must be percent-encoded. Passwords are never logged; the environment variable keeps them out of this
    /// file.
    #[config(env = "RINGTRACK_DATABASE_URL", default = "")]
    pub url: DatabaseUrl,

    /// How often changes are written.
    ///
    /// Allowed: 1 to 3600 seconds.
    ///
    /// A crash loses the changes not yet written; a regular stop writes them. A longer interval makes fewer and larger
    /// writes, which combine several changes of one account into one.
    #[config(
        env = "RINGTRACK_DATABASE_FLUSH_EVERY_S",
        default = 5,
        deserialize_with = between::<
            { limits::DATABASE_FLUSH_EVERY_S_MIN }, { limits::DATABASE_FLUSH_EVERY_S_MAX }, _, _
        >
    )]
    pub flush_every_s: u32,

    /// The maximum number of changes that wait to be written.
    ///
    /// Allowed: 1000 to 100000000 changes, of about 100 bytes each.
    ///
    /// Changes wait while the database is unavailable or slow; clients are served meanwhile. Beyond the limit the
    /// management API refuses changes, and other changes are lost and counted. A higher limit bridges a longer outage.
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
    /// With "on", scrapes continue to count where they were. This costs a write for each torrent that was completed
    /// since the last write, and a row and some memory for each torrent that ever was (see `access.torrents_max`); all
    /// of these are read at the start. With "off", a count begins with its swarm.
    #[config(
        env = "RINGTRACK_DATABASE_REMEMBER_COMPLETED",
        default = "off",
        deserialize_with = choice::of
    )]
    #[serde(serialize_with = "choice::show")]
    pub remember_completed: Switch,

    /// How long the start waits for the database.
    ///
    /// Allowed: 0 to 300 seconds. Keep it below the service manager's start timeout (with systemd, `TimeoutStartSec=`,
    /// 90 seconds by default).
    ///
    /// After this time the tracker starts without the database and tries again later. Until the database is available,
    /// no stored key, list or ban is known: a private tracker serves no clients, and stored bans have no effect.
    #[config(
        env = "RINGTRACK_DATABASE_START_WAIT_S",
        default = 10,
        deserialize_with = between::<0, { limits::DATABASE_START_WAIT_S_MAX }, _, _>
    )]
    pub start_wait_s: u32,
}
