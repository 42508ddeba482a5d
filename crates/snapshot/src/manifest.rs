use crate::frames::Sum;
use crate::limits::{AHEAD_S_MAX, MANIFEST_BYTES_MAX};
use primitives::SteeringKey;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::io::{self, Read};

/// What a snapshot is, and the sums of its files. Its text is a line with its version, checksum and length, and then JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Manifest {
    pub(crate) generation: u64,
    pub(crate) unix_s: u64,
    /// The second of the exporting cores' clock at that time.
    pub(crate) second: u32,
    secrets: StoredSecrets,
    /// The sums of the files of the shards, in their order.
    pub(crate) swarms: Vec<Sum>,
    /// The sum of the file of keys. Without the file, nobody knows whose the sessions are, and they are not imported.
    pub(crate) keys: Option<Sum>,
}

/// The secrets that have to outlive a restart.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Secrets {
    pub steering: SteeringKey,
    /// The key of connection ids.
    pub connection_ids: [u8; 16],
}

impl fmt::Debug for Secrets {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Secrets(secret)")
    }
}

#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
struct StoredSecrets {
    steering_addend: u32,
    steering_multipliers: [u32; SteeringKey::WORDS],
    connection_ids: String,
}

impl fmt::Debug for StoredSecrets {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("StoredSecrets(secret)")
    }
}

/// Why a snapshot is not used.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// A file of it is missing, incomplete, or not as it was written.
    #[error("{file} is torn: it is not as it was written")]
    Torn { file: String },
    #[error("it was made {age_s} s ago, and what it has is kept for {kept_s} s")]
    Stale { age_s: u64, kept_s: u64 },
    #[error("{file} is not a file of a snapshot")]
    Foreign { file: String },
    #[error(
        "{file} has version {found} of the format, and this program reads version {}",
        crate::frames::VERSION
    )]
    Version { file: String, found: String },
    #[error("by the clock of this machine, it will be made in {ahead_s} s")]
    Future { ahead_s: u64 },
    /// It may be readable later.
    #[error("{file} cannot be read: {error}")]
    Unreadable { file: String, error: io::Error },
}

/// The name of the manifest's file.
pub(crate) const MANIFEST: &str = "manifest";

const MAGIC: &str = "ringtrack-snapshot ";

impl Manifest {
    pub(crate) fn new(generation: u64, (unix_s, second): (u64, u32), secrets: &Secrets) -> Self {
        let Secrets { steering, connection_ids } = secrets;
        let secrets = StoredSecrets {
            steering_addend: steering.addend,
            steering_multipliers: steering.multipliers,
            connection_ids: hex::encode(connection_ids),
        };
        Self { generation, unix_s, second, secrets, swarms: Vec::new(), keys: None }
    }

    pub(crate) fn secrets(&self) -> Option<Secrets> {
        let StoredSecrets { steering_addend: addend, steering_multipliers: multipliers, .. } = self.secrets;
        let mut connection_ids = [0; 16];
        hex::decode_to_slice(&self.secrets.connection_ids, &mut connection_ids).ok()?;
        Some(Secrets { steering: SteeringKey { addend, multipliers }, connection_ids })
    }

    /// Returns the text of the file.
    pub(crate) fn written(&self) -> io::Result<String> {
        let body = serde_json::to_string_pretty(self)?;
        let (version, checksum) = (crate::frames::VERSION, crc32fast::hash(body.as_bytes()));
        Ok(format!("{MAGIC}{version} {checksum:08x} {}\n{body}", body.len()))
    }

    /// Reads the text of the file.
    pub(crate) fn read(file: impl Read) -> Result<Self, Refused> {
        let mut bytes = Vec::new();
        let unreadable = |error| Refused::Unreadable { file: MANIFEST.to_owned(), error };
        file.take(MANIFEST_BYTES_MAX).read_to_end(&mut bytes).map_err(unreadable)?;
        let shorter = bytes.len().min(MAGIC.len());
        if bytes[..shorter] != MAGIC.as_bytes()[..shorter] {
            return Err(Refused::Foreign { file: MANIFEST.to_owned() });
        }
        Self::parse(&bytes)?.ok_or_else(|| Refused::Torn { file: MANIFEST.to_owned() })
    }

    /// Returns `None` if it is torn.
    fn parse(bytes: &[u8]) -> Result<Option<Self>, Refused> {
        let Some(text) = str::from_utf8(bytes).ok().and_then(|text| text.strip_prefix(MAGIC)) else {
            return Ok(None);
        };
        let Some((head, body)) = text.split_once('\n') else { return Ok(None) };
        let mut head = head.split(' ');
        let version = head.next().unwrap_or_default();
        if version != crate::frames::VERSION.to_string() {
            return Err(Refused::Version { file: MANIFEST.to_owned(), found: version.to_owned() });
        }
        let expected = [format!("{:08x}", crc32fast::hash(body.as_bytes())), body.len().to_string()];
        Ok(if head.eq(expected) { serde_json::from_str(body).ok() } else { None })
    }

    /// Checks that the snapshot is neither from the future nor older than anything in it may be.
    pub(crate) const fn check_age(&self, now_unix_s: u64, kept_s: u64) -> Result<(), Refused> {
        let (age_s, ahead_s) =
            (now_unix_s.saturating_sub(self.unix_s), self.unix_s.saturating_sub(now_unix_s));
        if ahead_s > AHEAD_S_MAX {
            return Err(Refused::Future { ahead_s });
        }
        if age_s > kept_s { Err(Refused::Stale { age_s, kept_s }) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{SECRETS, assert_torn};

    fn manifest() -> Manifest {
        let mut manifest = Manifest::new(7, (1_800_000_000, 90), &SECRETS);
        manifest.swarms = vec![Sum { bytes: 12, checksum: 34 }; 2];
        manifest
    }

    fn read(text: &[u8]) -> Result<Manifest, Refused> {
        Manifest::read(text)
    }

    #[test]
    fn a_manifest_is_read_as_it_was_written_and_shows_no_secret() {
        let (manifest, text) = (manifest(), manifest().written().unwrap());
        assert_eq!(read(text.as_bytes()).unwrap(), manifest);
        assert!(manifest.secrets() == Some(SECRETS));
        assert!(format!("{manifest:?}").contains("StoredSecrets(secret)"));
    }

    #[test]
    fn a_manifest_that_is_torn_at_any_byte_is_refused() {
        let text = manifest().written().unwrap();
        for bytes in 0..text.len() {
            assert_torn(read(&text.as_bytes()[..bytes]).err().as_ref(), MANIFEST);
        }
        assert_torn(read(format!("{text} ").as_bytes()).err().as_ref(), MANIFEST);
    }

    #[test]
    fn a_manifest_with_any_flipped_bit_is_refused() {
        let text = manifest().written().unwrap();
        for bit in 0..8 * text.len() {
            let mut flipped = text.clone().into_bytes();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(read(&flipped).is_err(), "{bit}");
        }
    }

    #[test]
    fn manifests_of_others_and_of_other_versions_are_named_as_such() {
        let text = manifest().written().unwrap();
        let later = text.replacen("snapshot 1 ", "snapshot 2 ", 1);
        assert!(matches!(read(later.as_bytes()), Err(Refused::Version { found, .. }) if found == "2"));
        assert!(matches!(read(b"{\"version\": 1}\n"), Err(Refused::Foreign { .. })));
    }

    #[test]
    fn a_manifest_is_used_from_a_few_minutes_before_its_time_until_all_in_it_is_forgotten() {
        let check = |now: u64| manifest().check_age(1_800_000_000 + now, 2700);
        let early = 1_800_000_000 - AHEAD_S_MAX;
        assert!(check(0).is_ok() && check(2700).is_ok());
        assert!(manifest().check_age(early, 2700).is_ok());
        assert!(matches!(check(2701), Err(Refused::Stale { age_s: 2701, kept_s: 2700 })));
        assert!(matches!(manifest().check_age(early - 1, 2700), Err(Refused::Future { ahead_s: 301 })));
    }
}
