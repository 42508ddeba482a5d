//! Options that a client appends to an announce (BEP 41).

/// Encodes the path and query of an announce URL, one option per part.
///
/// # Panics
/// If a part is longer than 255 bytes.
#[must_use]
pub fn url_data(parts: &[&[u8]]) -> Vec<u8> {
    parts.iter().flat_map(|part| option(2, part)).collect()
}

/// Encodes an option of a kind that BEP 41 does not define.
///
/// # Panics
/// If `data` is longer than 255 bytes.
#[must_use]
pub fn unknown_option(data: &[u8]) -> Vec<u8> {
    option(0x63, data)
}

fn option(kind: u8, data: &[u8]) -> Vec<u8> {
    let length = u8::try_from(data.len()).expect("an option has one byte for its length");
    [&[kind, length], data].concat()
}
