use crate::announce::twenty_bytes;
use crate::limits::SCRAPE_HASHES_MAX;
use crate::percent::decode_hash;
use crate::query::{Parameter, QueryError, parameters};
use primitives::InfoHash;

/// A scrape (BEP 48) of 1 to [`SCRAPE_HASHES_MAX`] torrents: the first ones with an `info_hash` in the query. A scrape
/// of all torrents has none and is not represented by this type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scrape<'a> {
    query: &'a [u8],
    hashes: usize,
}

impl<'a> Scrape<'a> {
    /// Reads the query of a scrape.
    ///
    /// # Errors
    /// If there is no info hash, or one that is not 20 bytes.
    pub fn from_query(query: &'a [u8]) -> Result<Self, QueryError<'a>> {
        let mut hashes: usize = 0;
        for value in values(query).take(SCRAPE_HASHES_MAX) {
            twenty_bytes(Some(value), Parameter::InfoHash)?;
            hashes = hashes.saturating_add(1);
        }
        if hashes == 0 {
            return Err(QueryError::Missing(Parameter::InfoHash));
        }
        Ok(Self { query, hashes })
    }

    /// Returns the torrents in the order of the query.
    pub fn info_hashes(&self) -> impl Iterator<Item = InfoHash> + 'a {
        values(self.query).take(self.hashes).filter_map(decode_hash).map(InfoHash)
    }
}

/// Returns the values of all `info_hash`, not decoded.
fn values(query: &[u8]) -> impl Iterator<Item = &[u8]> {
    parameters(query).filter(|(name, _)| *name == b"info_hash").map(|(_, value)| value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query::ParameterValue;

    fn hashes(query: &str) -> Result<Vec<u8>, QueryError<'_>> {
        let scrape = Scrape::from_query(query.as_bytes())?;
        Ok(scrape.info_hashes().map(|info_hash| info_hash.0[0]).collect())
    }

    #[test]
    fn every_info_hash_is_a_torrent() {
        let query = format!("info_hash={}&x=y&info_hash={}", "%61".repeat(20), "b".repeat(20));
        assert_eq!(hashes(&query), Ok(vec![b'a', b'b']));
    }

    #[test]
    fn only_the_first_74_torrents_are_read() {
        let query = ["info_hash=%00aaaaaaaaaaaaaaaaaaa"; 74].join("&");
        assert_eq!(hashes(&query), Ok(vec![0; 74]));
        assert_eq!(hashes(&format!("{query}&info_hash=short")), Ok(vec![0; 74]));
    }

    #[test]
    fn a_scrape_without_a_valid_info_hash_is_refused() {
        for query in ["", "info_hash", "x=y", "INFO_HASH=aaaaaaaaaaaaaaaaaaaa"] {
            let missing = if query == "info_hash" {
                QueryError::NotTwentyBytes(Parameter::InfoHash, ParameterValue(b""))
            } else {
                QueryError::Missing(Parameter::InfoHash)
            };
            assert_eq!(hashes(query), Err(missing), "{query}");
        }
        let query = "info_hash=aaaaaaaaaaaaaaaaaaaa&info_hash=bbb";
        assert_eq!(
            hashes(query),
            Err(QueryError::NotTwentyBytes(Parameter::InfoHash, ParameterValue(b"bbb")))
        );
    }
}
