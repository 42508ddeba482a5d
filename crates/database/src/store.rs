use crate::batch::{KeyChange, WriteBatch};
use crate::connection::{Connection, Dialect, Row, Statement, Value};
use crate::error::DatabaseError;
use crate::pages::KEY;
use crate::records::{Banned, StoredBan, StoredKey, stored_number};
use crate::statements::{Merge, Table};
use primitives::{InfoHash, ListChange, TorrentList};
use std::time::Duration;

pub(crate) const LISTS: Table =
    Table { name: "torrent_lists", key: &["list", "info_hash"], rest: &[], merge: Merge::Newest };

pub(crate) const TORRENTS: Table =
    Table { name: "torrents", key: &["info_hash"], rest: &["completed"], merge: Merge::Largest };

pub(crate) const KEYS: Table = Table {
    name: "auth_keys",
    key: &["auth_key"],
    rest: &["valid_until", "uploaded", "downloaded", "last_seen"],
    merge: Merge::Newest,
};

pub(crate) const DELETED_KEYS: Table = Table {
    name: "deleted_keys",
    key: &["auth_key"],
    rest: &["valid_until", "uploaded", "downloaded", "last_seen", "deleted_at"],
    merge: Merge::Newest,
};

pub(crate) const BANS: Table =
    Table { name: "bans", key: &["kind", "value"], rest: &["reason", "since"], merge: Merge::Newest };

pub(crate) const TOTALS: Table =
    Table { name: "totals", key: &["name"], rest: &["value"], merge: Merge::Newest };

/// Stores the whole batch, or nothing.
///
/// Each statement waits for the result of the previous one. A transaction whose commit received no answer therefore
/// holds the locks of all its rows: a later batch waits for it and overwrites it.
pub(crate) async fn store(
    connection: &mut Connection,
    batch: &WriteBatch,
    limit: Duration,
) -> Result<(), DatabaseError> {
    let dialect = connection.dialect();
    connection.begin(limit).await?;
    // In a fixed order of tables and rows, so that two trackers with one database cannot deadlock.
    execute(connection, limit, of_torrents(dialect, batch)).await?;
    let accounts = stored_accounts(connection, limit, batch).await?;
    execute(connection, limit, of_keys(dialect, batch, &accounts)).await?;
    execute(connection, limit, of_bans_and_totals(dialect, batch)).await?;
    connection.commit(limit).await
}

async fn execute(
    connection: &mut Connection,
    limit: Duration,
    statements: Vec<Statement>,
) -> Result<(), DatabaseError> {
    for statement in statements {
        connection.execute(limit, statement).await?;
    }
    Ok(())
}

fn of_torrents(dialect: Dialect, batch: &WriteBatch) -> Vec<Statement> {
    let mut statements = Vec::new();
    for list in TorrentList::ALL {
        statements.extend(of_list(dialect, batch, list));
    }
    let completed = batch.completed.iter().map(|(info_hash, count)| vec![hash(info_hash), number(*count)]);
    statements.extend(TORRENTS.puts(dialect, completed.collect()));
    statements
}

fn of_bans_and_totals(dialect: Dialect, batch: &WriteBatch) -> Vec<Statement> {
    let mut statements = of_bans(dialect, batch);
    let totals = batch.totals.iter().map(|(name, value)| vec![text(name.as_str()), number(*value)]);
    statements.extend(TOTALS.puts(dialect, totals.collect()));
    statements
}

/// Returns the changed accounts of the keys that are stored, with the stored expiry: another program may have removed
/// or changed keys. The rows are locked until the end of the transaction.
async fn stored_accounts(
    connection: &mut Connection,
    limit: Duration,
    batch: &WriteBatch,
) -> Result<Vec<StoredKey>, DatabaseError> {
    let changed = |change: &KeyChange| matches!(change, KeyChange::Account(_));
    let keys = batch.keys.iter().filter(|(_, change)| changed(change)).map(|(key, _)| text(key.reveal()));
    let mut stored = Vec::new();
    for statement in KEYS.locked(connection.dialect(), keys.collect()) {
        let mut show = |row: &dyn Row| {
            let Some(row_of) = (KEY.read)(row) else { return };
            if let Some(KeyChange::Account(account)) = batch.keys.get(&row_of.key) {
                stored.push(StoredKey { valid_until_unix_s: row_of.valid_until_unix_s, ..*account });
            }
        };
        connection.rows(limit, statement, &mut show).await?;
    }
    Ok(stored)
}

fn of_list(dialect: Dialect, batch: &WriteBatch, list: TorrentList) -> Vec<Statement> {
    let with = |wanted: ListChange| {
        let of_list = batch.lists.iter().filter(move |((of, _), change)| *of == list && **change == wanted);
        of_list.map(|((_, info_hash), _)| hash(info_hash))
    };
    let added = with(ListChange::Add).map(|info_hash| vec![list_number(list), info_hash]);
    let mut statements = LISTS.puts(dialect, added.collect());
    let removed = with(ListChange::Remove).collect();
    statements.extend(LISTS.removals(dialect, &[list_number(list)], removed));
    statements
}

fn of_keys(dialect: Dialect, batch: &WriteBatch, accounts: &[StoredKey]) -> Vec<Statement> {
    let (mut put, mut removed) = (Vec::new(), Vec::new());
    let (mut deleted, mut not_deleted) = (Vec::new(), Vec::new());
    for (key, change) in &batch.keys {
        match change {
            KeyChange::Put(stored) => put.push(key_row(stored)),
            KeyChange::Restore(stored) => {
                put.push(key_row(stored));
                not_deleted.push(text(key.reveal()));
            }
            KeyChange::Delete(key_and_time) => {
                removed.push(text(key.reveal()));
                deleted
                    .push([key_row(&key_and_time.key), vec![number(key_and_time.deleted_unix_s)]].concat());
            }
            KeyChange::Remove => {
                removed.push(text(key.reveal()));
                not_deleted.push(text(key.reveal()));
            }
            KeyChange::Account(_) => {}
        }
    }
    put.extend(accounts.iter().map(key_row));
    let mut statements = KEYS.puts(dialect, put);
    statements.extend(KEYS.removals(dialect, &[], removed));
    statements.extend(DELETED_KEYS.puts(dialect, deleted));
    statements.extend(DELETED_KEYS.removals(dialect, &[], not_deleted));
    statements
}

fn key_row(key: &StoredKey) -> Vec<Value> {
    vec![
        text(key.key.reveal()),
        Value::Number(key.valid_until_unix_s.map(stored_number)),
        number(key.uploaded),
        number(key.downloaded),
        Value::Number(key.last_seen_unix_s.map(stored_number)),
    ]
}

fn of_bans(dialect: Dialect, batch: &WriteBatch) -> Vec<Statement> {
    let put = batch.bans.values().flatten().map(ban_row);
    let mut statements = BANS.puts(dialect, put.collect());
    for kind in [CLIENTS, NETWORKS] {
        let lifted = batch.bans.iter().filter(|(_, put)| put.is_none()).map(|(banned, _)| ban_key(banned));
        let of_kind = lifted.filter(|(of, _)| *of == kind).map(|(_, value)| Value::Text(value));
        statements.extend(BANS.removals(dialect, &[Value::Number(Some(kind))], of_kind.collect()));
    }
    statements
}

fn ban_row(ban: &StoredBan) -> Vec<Value> {
    let (kind, value) = ban_key(&ban.banned);
    vec![Value::Number(Some(kind)), Value::Text(value), text(&ban.reason), number(ban.since_unix_s)]
}

/// The kind of a ban of client software.
pub(crate) const CLIENTS: i64 = 1;
/// The kind of a ban of a network.
pub(crate) const NETWORKS: i64 = 2;

fn ban_key(banned: &Banned) -> (i64, String) {
    match banned {
        Banned::Client(prefix) => (CLIENTS, prefix.as_str().to_owned()),
        Banned::Network(network) => (NETWORKS, network.to_string()),
    }
}

/// Returns the number of a list in the tables.
pub(crate) const fn list_number(list: TorrentList) -> Value {
    Value::Number(Some(match list {
        TorrentList::Allowed => 1,
        TorrentList::Denied => 2,
    }))
}

fn hash(info_hash: &InfoHash) -> Value {
    Value::Bytes(info_hash.0.to_vec())
}

fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

fn number(count: u64) -> Value {
    Value::Number(Some(stored_number(count)))
}
