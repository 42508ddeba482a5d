use crate::connection::{Row, Value};
use crate::database::Database;
use crate::error::DatabaseError;
use crate::limits::PAGE_ROWS;
use crate::records::{Banned, DeletedKey, StoredBan, StoredKey, StoredTotal, count};
use crate::statements::Table;
use crate::store::{BANS, CLIENTS, DELETED_KEYS, KEYS, LISTS, NETWORKS, TORRENTS};
use primitives::{AuthenticationKey, InfoHash, PeerIdPrefix};

/// The stored records of one kind, read page by page in the order of their key.
///
/// It is not a snapshot: each page is read when it is requested. A row that exists from the first page to the last is
/// returned exactly once.
#[derive(Debug)]
pub struct Pages<T> {
    database: Database,
    record: Record<T>,
    same: Vec<Value>,
    progress: Progress,
    unreadable: u64,
}

/// How a record is read from its table.
#[derive(Debug)]
pub(crate) struct Record<T> {
    table: Table,
    /// Reads the key columns, after which the next page begins.
    place: fn(&dyn Row) -> Option<Vec<Value>>,
    pub(crate) read: fn(&dyn Row) -> Option<T>,
}

#[derive(Debug)]
enum Progress {
    Begin,
    Behind(Vec<Value>),
    End,
}

impl<T: Send> Pages<T> {
    pub(crate) const fn new(database: Database, record: Record<T>, same: Vec<Value>) -> Self {
        Self { database, record, same, progress: Progress::Begin, unreadable: 0 }
    }

    /// Returns the next page of at most [`PAGE_ROWS`] records, or `None` after the last page. After an error, the same
    /// page can be requested again. Rows that no tracker can have written are skipped, and their number is logged.
    ///
    /// # Errors
    /// If the page cannot be read from the database.
    pub async fn next(&mut self) -> Result<Option<Vec<T>>, DatabaseError> {
        let behind = match &self.progress {
            Progress::Begin => None,
            Progress::Behind(place) => Some(place.as_slice()),
            Progress::End => return Ok(None),
        };
        let mut page = Page { records: Vec::new(), rows: 0, place: None };
        let Record { table, place, read } = &self.record;
        let mut show = |row: &dyn Row| {
            page.rows += 1;
            page.place = place(row).or(page.place.take());
            page.records.extend(read(row));
        };
        self.database.page(table, &self.same, behind, PAGE_ROWS, &mut show).await?;
        Ok(self.advance(page))
    }

    fn advance(&mut self, page: Page<T>) -> Option<Vec<T>> {
        self.unreadable += (page.rows - page.records.len()) as u64;
        self.progress = match page.place {
            Some(place) if page.rows == PAGE_ROWS => Progress::Behind(place),
            _ => Progress::End,
        };
        if matches!(self.progress, Progress::End) && self.unreadable > 0 {
            let (table, rows) = (self.record.table.name, self.unreadable);
            tracing::warn!(table, rows, "rows of the database are invalid and are skipped");
        }
        (page.rows > 0).then_some(page.records)
    }
}

struct Page<T> {
    records: Vec<T>,
    rows: usize,
    place: Option<Vec<Value>>,
}

pub(crate) const LIST_ENTRY: Record<InfoHash> = Record { table: LISTS, place: bytes_place, read: info_hash };

pub(crate) const COMPLETED: Record<(InfoHash, u64)> = Record {
    table: TORRENTS,
    place: bytes_place,
    read: |row| Some((info_hash(row)?, count(row.number(1)?))),
};

pub(crate) const KEY: Record<StoredKey> =
    Record { table: KEYS, place: |row| Some(vec![Value::Text(row.text(0)?)]), read: key };

pub(crate) const DELETED_KEY: Record<DeletedKey> = Record {
    table: DELETED_KEYS,
    place: |row| Some(vec![Value::Text(row.text(0)?)]),
    read: |row| Some(DeletedKey { key: key(row)?, deleted_unix_s: count(row.number(5)?) }),
};

pub(crate) const BAN: Record<StoredBan> = Record {
    table: BANS,
    place: |row| Some(vec![Value::Number(row.number(0)), Value::Text(row.text(1)?)]),
    read: |row| {
        let banned = match (row.number(0)?, row.text(1)?) {
            (CLIENTS, text) => Banned::Client(PeerIdPrefix::parse(&text)?),
            (NETWORKS, text) => Banned::Network(text.parse().ok()?),
            _ => return None,
        };
        Some(StoredBan { banned, reason: row.text(2)?, since_unix_s: count(row.number(3)?) })
    },
};

/// Reads a total from its row.
pub(crate) fn total(row: &dyn Row) -> Option<StoredTotal> {
    Some(StoredTotal { name: row.text(0)?, value: count(row.number(1)?) })
}

fn key(row: &dyn Row) -> Option<StoredKey> {
    Some(StoredKey {
        key: AuthenticationKey::parse(row.text(0)?.as_bytes())?,
        valid_until_unix_s: row.number(1).map(count),
        uploaded: count(row.number(2)?),
        downloaded: count(row.number(3)?),
        last_seen_unix_s: row.number(4).map(count),
    })
}

fn bytes_place(row: &dyn Row) -> Option<Vec<Value>> {
    Some(vec![Value::Bytes(row.bytes(0)?)])
}

fn info_hash(row: &dyn Row) -> Option<InfoHash> {
    row.bytes(0)?.try_into().ok().map(InfoHash)
}
