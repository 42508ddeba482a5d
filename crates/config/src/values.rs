//! Readers of individual values. The error of each states what is allowed.

pub(crate) mod addresses;
pub(crate) mod choice;
pub(crate) mod clients;
pub(crate) mod database_url;
pub(crate) mod integer;
pub(crate) mod interval;
pub(crate) mod named_file;
pub(crate) mod networks;
pub(crate) mod path;
pub(crate) mod secret_text;
pub(crate) mod switch;
pub(crate) mod tokens;
