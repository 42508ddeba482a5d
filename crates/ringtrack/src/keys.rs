use anyhow::{Context, bail};
use config::limits::CONNECTION_ID_KEY_BYTES_MIN;
use engine::ConnectionIdKey;
use primitives::{SteeringKey, TableSeed};
use sha2::{Digest, Sha256};
use snapshot::Secrets;
use std::fs::{self, File};
use std::io::Read;
use std::path::Path;
use swarm::Seeds;

/// Bytes of a key file that are read: far more than any key, but a limit in case the path is wrong (a log).
const KEY_FILE_BYTES_MAX: u64 = 64 * 1024;

/// The secrets of the process. Not `Debug`: they are never printed.
pub(crate) struct Keys {
    pub(crate) connection_ids: ConnectionIdKey,
    pub(crate) steering: SteeringKey,
}

impl Keys {
    /// Uses the secrets of the process before this one, or else generates random keys, except that the key of the connection ids is
    /// read from its file, if there is one.
    pub(crate) fn make(file: Option<&Path>, before: Option<&Secrets>) -> anyhow::Result<Self> {
        let connection_ids = match (file, before) {
            (Some(path), _) => read_key(path).with_context(|| not_a_key(path))?,
            (None, Some(before)) => ConnectionIdKey(before.connection_ids),
            (None, None) => ConnectionIdKey(random()?),
        };
        let steering = match before {
            Some(before) => before.steering,
            None => SteeringKey::from_random(&random()?),
        };
        Ok(Self { connection_ids, steering })
    }

    /// Returns those that outlive the process.
    pub(crate) const fn lasting(&self) -> Secrets {
        Secrets { steering: self.steering, connection_ids: self.connection_ids.0 }
    }

    pub(crate) fn for_core(&self) -> anyhow::Result<engine::Secrets> {
        let seed = || anyhow::Ok(u64::from_ne_bytes(random()?));
        Ok(engine::Secrets {
            connection_ids: self.connection_ids,
            steering: self.steering,
            swarms: Seeds { tables: TableSeed(random()?), choice: seed()? },
            access: TableSeed(random()?),
            intervals: seed()?,
        })
    }
}

fn not_a_key(path: &Path) -> String {
    format!(
        "{} (connection_ids.key_file) is not a key: use a regular file of at least {CONNECTION_ID_KEY_BYTES_MIN} \
         bytes, or \"\" for a random key",
        path.display()
    )
}

/// Returns random bytes of the kernel.
pub(crate) fn random<const BYTES: usize>() -> anyhow::Result<[u8; BYTES]> {
    let mut bytes = [0; BYTES];
    getrandom::fill(&mut bytes).context("the kernel returns no random bytes")?;
    Ok(bytes)
}

/// Returns a digest of the whole file, so that text is as good as raw bytes.
fn read_key(path: &Path) -> anyhow::Result<ConnectionIdKey> {
    // Checked before it is opened: opening a pipe blocks until its other end is opened.
    let metadata = fs::metadata(path).context("it cannot be found")?;
    if !metadata.is_file() {
        bail!("it is not a regular file");
    }
    let file = File::open(path).context("it cannot be opened")?;
    let mut contents = Vec::new();
    file.take(KEY_FILE_BYTES_MAX).read_to_end(&mut contents).context("it cannot be read")?;
    if contents.len() < CONNECTION_ID_KEY_BYTES_MIN {
        let bytes = contents.len();
        bail!("it holds {bytes} bytes");
    }
    let digest: [u8; 32] = Sha256::digest(&contents).into();
    let (key, _) = digest.split_first_chunk().expect("a SHA-256 digest is longer than a key");
    Ok(ConnectionIdKey(*key))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn key_of(contents: &[u8]) -> anyhow::Result<ConnectionIdKey> {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(contents).unwrap();
        read_key(file.path())
    }

    #[test]
    fn the_same_file_makes_the_same_key_and_another_last_byte_another() {
        let key = key_of(b"0123456789abcdef-").unwrap();
        assert!(key == key_of(b"0123456789abcdef-").unwrap());
        assert!(key != key_of(b"0123456789abcdef+").unwrap());
    }

    #[test]
    fn a_key_file_of_15_bytes_is_refused() {
        let error = key_of(b"0123456789abcde").unwrap_err().to_string();
        assert_eq!(error, "it holds 15 bytes");
    }

    #[test]
    fn random_keys_differ_from_start_to_start() {
        let one = Keys::make(None, None).unwrap();
        let two = Keys::make(None, None).unwrap();
        assert!(one.connection_ids != two.connection_ids);
        assert!(one.steering != two.steering);
    }

    #[test]
    fn the_secrets_of_the_process_before_are_used_unless_there_is_a_key_file() {
        let before = Keys::make(None, None).unwrap();
        let same = Keys::make(None, Some(&before.lasting())).unwrap();
        assert!(same.lasting() == before.lasting());
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(b"0123456789abcdef").unwrap();
        let other = Keys::make(Some(file.path()), Some(&before.lasting())).unwrap();
        assert!(other.connection_ids != before.connection_ids && other.steering == before.steering);
    }
}
