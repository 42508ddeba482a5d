//! `[database]`: storage of the data that survives a restart.

use crate::declare::section;
use crate::values::choice::{Switch, one_of};
use crate::values::database_url::{DatabaseUrl, database_url};
use crate::values::integer::integer;

section! {
    /// The database: data that survives a restart.
    pub struct Database;

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
    url: DatabaseUrl = DatabaseUrl::Automatic, database_url;

    /// How often changes are written.
    ///
    /// Allowed: 1 to 3600 seconds.
    ///
    /// A crash loses the changes not yet written; a regular stop writes them. A longer interval makes fewer and larger
    /// writes, which combine several changes of one account into one.
    // Minimum: a database on a disk should not be asked to store something more often than every second.
    // Maximum: a crash loses the changes not yet written: an hour of them is more than any operator wants to lose.
    flush_every_s: u32 = 5, integer(1..=3600);

    /// The maximum number of changes that wait to be written.
    ///
    /// Allowed: 1000 to 100000000 changes, of about 100 bytes each.
    ///
    /// Changes wait while the database is unavailable or slow; clients are served meanwhile. Beyond the limit the
    /// management API refuses changes, and other changes are lost and counted. A higher limit bridges a longer outage.
    // Minimum: a single call of the management API makes fewer changes.
    // Maximum: about 10 GiB of memory.
    pending_max: u32 = 1_000_000, integer(1000..=100_000_000);

    /// Whether each torrent's count of completed events survives a restart.
    ///
    /// Allowed: "off" or "on".
    ///
    /// With "on", scrapes continue to count where they were. This costs a write for each torrent that was completed
    /// since the last write, and a row and some memory for each torrent that ever was (see `access.torrents_max`); all
    /// of these are read at the start. With "off", a count begins with its swarm.
    remember_completed: Switch = Switch::Off, one_of;

    /// How long the start waits for the database.
    ///
    /// Allowed: 0 to 300 seconds. Keep it below the service manager's start timeout (with systemd, `TimeoutStartSec=`,
    /// 90 seconds by default).
    ///
    /// After this time the tracker starts without the database and tries again later. Until the database is available,
    /// no stored key, list or ban is known: a private tracker serves no clients, and stored bans have no effect.
    // Maximum: service managers time out earlier.
    start_wait_s: u32 = 10, integer(0..=300);
}
