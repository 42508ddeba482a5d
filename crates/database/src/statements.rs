use crate::connection::{Dialect, Statement, Value};
use crate::limits::STATEMENT_ROWS_MAX;

/// A table, and how a new row is merged with an existing one.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Table {
    pub name: &'static str,
    /// The columns of the primary key.
    pub key: &'static [&'static str],
    /// The other columns.
    pub rest: &'static [&'static str],
    pub merge: Merge,
}

/// The values that the columns outside the key have if the row already exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Merge {
    Newest,
    Largest,
}

impl Table {
    /// Returns statements that insert or replace rows, many rows per statement.
    pub(crate) fn puts(&self, dialect: Dialect, rows: Vec<Vec<Value>>) -> Vec<Statement> {
        let columns = self.columns();
        in_pieces(dialect, &[], rows, |piece| {
            let rows = vec![format!("({})", places(columns.len())); piece].join(", ");
            let (columns, on_conflict) = (columns.join(", "), self.on_conflict(dialect));
            format!("INSERT INTO {} ({columns}) VALUES {rows} {on_conflict}", self.name)
        })
    }

    /// Returns statements that remove rows. Their keys all begin with `first`, and each ends with one of `last`.
    pub(crate) fn removals(&self, dialect: Dialect, first: &[Value], last: Vec<Value>) -> Vec<Statement> {
        let (last_column, first_columns) = self.key.split_last().expect("a table has a key");
        assert_eq!(first.len(), first_columns.len(), "a value for each column of the key but the last");
        let first_text: String = first_columns.iter().map(|column| format!("{column} = ? AND ")).collect();
        in_pieces(dialect, first, in_rows(last), |piece| {
            format!("DELETE FROM {} WHERE {first_text}{last_column} IN ({})", self.name, places(piece))
        })
    }

    /// Returns statements that read the rows with these keys and lock them until the end of the transaction. The key
    /// has one column.
    pub(crate) fn locked(&self, dialect: Dialect, keys: Vec<Value>) -> Vec<Statement> {
        let [key] = self.key else { panic!("a key of one column") };
        // A SQLite transaction has its lock from the beginning.
        let lock = if dialect == Dialect::Sqlite { "" } else { " FOR UPDATE" };
        let (name, columns) = (self.name, self.columns().join(", "));
        in_pieces(dialect, &[], in_rows(keys), |piece| {
            format!("SELECT {columns} FROM {name} WHERE {key} IN ({}) ORDER BY {key}{lock}", places(piece))
        })
    }

    /// Returns a statement that reads a page of rows in the order of the key. `same` are the first columns of the key,
    /// if all rows share them; `behind` are the other key columns of the last row read.
    pub(crate) fn page(
        &self,
        dialect: Dialect,
        same: &[Value],
        behind: Option<&[Value]>,
        rows_max: usize,
    ) -> Statement {
        let (same_columns, order) = self.key.split_at(same.len());
        let order_text = order.join(", ");
        let mut conditions: Vec<String> = same_columns.iter().map(|column| format!("{column} = ?")).collect();
        if behind.is_some() {
            conditions.push(format!("({order_text}) > ({})", places(order.len())));
        }
        let condition = if conditions.is_empty() {
            String::new()
        } else {
            format!("WHERE {} ", conditions.join(" AND "))
        };
        let columns = order.iter().chain(self.rest).copied().collect::<Vec<_>>().join(", ");
        let text =
            format!("SELECT {columns} FROM {} {condition}ORDER BY {order_text} LIMIT {rows_max}", self.name);
        let values = same.iter().chain(behind.unwrap_or_default()).cloned().collect();
        Statement { text, values, is_kept: true }.spoken(dialect)
    }

    fn columns(&self) -> Vec<&'static str> {
        [self.key, self.rest].concat()
    }

    fn on_conflict(&self, dialect: Dialect) -> String {
        let (name, key) = (self.name, self.key.join(", "));
        let larger = if dialect == Dialect::Sqlite { "max" } else { "greatest" };
        let merged = self.rest.iter().map(|column| match (dialect, self.merge) {
            (Dialect::MySql, Merge::Newest) => format!("{column} = VALUES({column})"),
            (Dialect::MySql, Merge::Largest) => format!("{column} = GREATEST({column}, VALUES({column}))"),
            (_, Merge::Newest) => format!("{column} = excluded.{column}"),
            (_, Merge::Largest) => format!("{column} = {larger}({name}.{column}, excluded.{column})"),
        });
        let merged = merged.collect::<Vec<_>>().join(", ");
        match (dialect, self.rest.is_empty()) {
            // MySQL can keep a row as it is only by assigning a column its own value.
            (Dialect::MySql, true) => format!("ON DUPLICATE KEY UPDATE {0} = {0}", self.key[0]),
            (Dialect::MySql, false) => format!("ON DUPLICATE KEY UPDATE {merged}"),
            (_, true) => format!("ON CONFLICT ({key}) DO NOTHING"),
            (_, false) => format!("ON CONFLICT ({key}) DO UPDATE SET {merged}"),
        }
    }
}

impl Statement {
    /// Returns the statement with the placeholders of the backend: `?`, or `$1` and so on.
    fn spoken(mut self, dialect: Dialect) -> Self {
        if dialect == Dialect::Postgres {
            let mut parts = self.text.split('?');
            let mut text = parts.next().unwrap_or_default().to_owned();
            for (number, part) in (1..).zip(parts) {
                text.push('$');
                text.push_str(&u32::to_string(&number));
                text.push_str(part);
            }
            self.text = text;
        }
        self
    }
}

fn places(count: usize) -> String {
    vec!["?"; count].join(", ")
}

/// Returns rows of one column.
fn in_rows(values: Vec<Value>) -> Vec<Vec<Value>> {
    values.into_iter().map(|value| vec![value]).collect()
}

/// Returns a statement for each piece of the rows, whose values follow those of `first`. Full pieces have the same text,
/// which a backend may cache.
fn in_pieces(
    dialect: Dialect,
    first: &[Value],
    rows: Vec<Vec<Value>>,
    text: impl Fn(usize) -> String,
) -> Vec<Statement> {
    let mut rows = rows.into_iter().peekable();
    let mut statements = Vec::new();
    while rows.peek().is_some() {
        let piece: Vec<_> = rows.by_ref().take(STATEMENT_ROWS_MAX).collect();
        let (text, is_kept) = (text(piece.len()), piece.len() == STATEMENT_ROWS_MAX);
        let values = first.iter().cloned().chain(piece.into_iter().flatten()).collect();
        statements.push(Statement { text, values, is_kept }.spoken(dialect));
    }
    statements
}

#[cfg(test)]
mod tests {
    use super::*;

    const COUNTS: Table =
        Table { name: "counts", key: &["place", "name"], rest: &["count"], merge: Merge::Largest };

    fn row(name: &str) -> Vec<Value> {
        vec![Value::Number(Some(1)), Value::Text(name.to_owned()), Value::Number(None)]
    }

    #[test]
    fn a_thousand_rows_make_one_statement() {
        let statements = COUNTS.puts(Dialect::Sqlite, vec![row("a"); 2500]);
        let sizes: Vec<_> = statements.iter().map(|statement| statement.values.len()).collect();
        assert_eq!(sizes, [3000, 3000, 1500]);
        assert_eq!(statements[0].text, statements[1].text);
        assert_eq!(statements.iter().map(|one| one.is_kept).collect::<Vec<_>>(), [true, true, false]);
        assert_eq!(COUNTS.puts(Dialect::Sqlite, vec![]), []);
    }

    #[test]
    fn statements_are_in_the_dialect_of_the_backend() {
        let text = |dialect| COUNTS.puts(dialect, vec![row("a"), row("b")]).remove(0).text;
        assert_eq!(
            text(Dialect::Postgres),
            "INSERT INTO counts (place, name, count) VALUES ($1, $2, $3), ($4, $5, $6) \
             ON CONFLICT (place, name) DO UPDATE SET count = greatest(counts.count, excluded.count)"
        );
        assert_eq!(
            text(Dialect::MySql),
            "INSERT INTO counts (place, name, count) VALUES (?, ?, ?), (?, ?, ?) \
             ON DUPLICATE KEY UPDATE count = GREATEST(count, VALUES(count))"
        );
    }

    #[test]
    fn a_page_begins_after_the_last_row_read() {
        let (same, seen) = (Value::Number(Some(1)), Value::Text("a".to_owned()));
        let page = COUNTS.page(Dialect::Postgres, &[same], Some(&[seen]), 10);
        assert_eq!(
            page.text,
            "SELECT name, count FROM counts WHERE place = $1 AND (name) > ($2) ORDER BY name LIMIT 10"
        );
        let whole = COUNTS.page(Dialect::Sqlite, &[], None, 10);
        assert_eq!(whole.text, "SELECT place, name, count FROM counts ORDER BY place, name LIMIT 10");
    }

    #[test]
    fn rows_are_removed_by_the_last_column_of_their_key() {
        let last = vec![Value::Text("a".to_owned()), Value::Text("b".to_owned())];
        let removals = COUNTS.removals(Dialect::Sqlite, &[Value::Number(Some(1))], last);
        assert_eq!(removals[0].text, "DELETE FROM counts WHERE place = ? AND name IN (?, ?)");
        assert_eq!(removals[0].values.len(), 3);
    }
}
