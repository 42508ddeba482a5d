//! How single values are read. Each reader says in its error what is allowed.

pub(crate) mod addresses;
pub(crate) mod choice;
pub(crate) mod integer;
pub(crate) mod interval;
pub(crate) mod networks;
pub(crate) mod path;
