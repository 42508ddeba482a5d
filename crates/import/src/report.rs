use crate::limits::{EXCERPT_CHARACTERS, INVALID_SHOWN_MAX};
use std::fmt;

/// What was read, written and skipped.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// Where the configuration was read, and where it was written.
    pub configuration: String,
    /// Foreign keys whose meaning the produced configuration does not have, with the reason.
    pub not_translated: Vec<(String, String)>,
    /// Foreign keys that the import does not know.
    pub unknown: Vec<String>,
    /// The database that was written to, if there was data.
    pub database: Option<String>,
    /// Each list, table or dump.
    pub parts: Vec<Part>,
    /// What the operator should look at.
    pub hints: Vec<String>,
}

/// What became of the rows of a list, a table or a dump.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Part {
    /// Its name.
    pub name: String,
    /// Rows or lines that were read.
    pub read: u64,
    /// Records that were written; in a dry run, those that would be.
    pub written: u64,
    /// Records that the database has already, or that occurred before.
    pub known: u64,
    /// Counts of zero, which are not stored.
    pub zero: u64,
    /// Rows that are not valid.
    pub invalid: u64,
    /// The first of these.
    pub first_invalid: Vec<String>,
}

impl Part {
    pub(crate) fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), ..Self::default() }
    }

    pub(crate) fn add_invalid(&mut self, row: impl FnOnce() -> String) {
        self.invalid += 1;
        if self.first_invalid.len() < INVALID_SHOWN_MAX {
            self.first_invalid.push(row());
        }
    }
}

/// Returns the beginning of a foreign text in printable ASCII.
pub(crate) fn excerpt(text: &str) -> String {
    let mut characters = text.chars();
    let shown: String = characters.by_ref().take(EXCERPT_CHARACTERS).flat_map(char::escape_default).collect();
    if characters.next().is_some() { format!("{shown}...") } else { shown }
}

impl fmt::Display for Report {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "{}", self.configuration)?;
        for (key, reason) in &self.not_translated {
            writeln!(formatter, "  not translated: {key}: {reason}")?;
        }
        for key in &self.unknown {
            writeln!(formatter, "  unknown: {key}")?;
        }
        if let Some(database) = &self.database {
            writeln!(formatter, "{database}")?;
        }
        self.parts.iter().try_for_each(|part| part.fmt(formatter))?;
        self.hints.iter().try_for_each(|hint| writeln!(formatter, "note: {hint}"))
    }
}

impl fmt::Display for Part {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, read, written, known, zero, invalid, .. } = self;
        write!(formatter, "  {name}: {read} read, {written} written, {known} there already")?;
        if *zero > 0 {
            write!(formatter, ", {zero} zero")?;
        }
        writeln!(formatter, ", {invalid} invalid")?;
        self.first_invalid.iter().try_for_each(|row| writeln!(formatter, "    invalid: {row}"))
    }
}
