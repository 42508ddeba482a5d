use primitives::{AuthenticationKey, KeyId, SessionRecord, StatePage};
use std::collections::HashMap;
use std::fmt;
use zerocopy::little_endian::U32;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// A key with its number in the exporting process.
#[derive(Clone, Copy, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct KeyName {
    number: U32,
    text: [u8; AuthenticationKey::BYTES],
}

impl KeyName {
    /// Names a key.
    ///
    /// # Panics
    /// Never: a key has a fixed length.
    #[must_use]
    pub fn new(number: KeyId, key: &AuthenticationKey) -> Self {
        let text = key.reveal().as_bytes().try_into().expect("the length of a key");
        Self { number: U32::new(number.0), text }
    }

    /// Returns the number in the exporting process, and the key. `None` if it is not one.
    #[must_use]
    pub fn read(&self) -> Option<(KeyId, AuthenticationKey)> {
        Some((KeyId(self.number.get()), AuthenticationKey::parse(&self.text)?))
    }
}

impl fmt::Debug for KeyName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("KeyName(secret)")
    }
}

/// The numbers that keys have in the importing process, by those that they have in the exporting one.
#[derive(Debug, Clone, Default)]
pub struct KeyNumbers(HashMap<KeyId, KeyId>);

impl KeyNumbers {
    /// Adds a key that both processes know.
    pub fn add(&mut self, exported: KeyId, own: KeyId) {
        self.0.insert(exported, own);
    }

    /// Puts this process's numbers into the sessions of a page, and removes the sessions of keys that it does not know. Returns how
    /// many were removed.
    pub fn translate(&self, page: &mut StatePage) -> u64 {
        let Ok(sessions) = <[SessionRecord]>::mut_from_bytes(&mut page.sessions) else {
            page.sessions.clear();
            return 0;
        };
        let (all, mut kept) = (sessions.len(), 0);
        for at in 0..all {
            if let Some(own) = self.0.get(&KeyId(sessions[at].key.get())) {
                sessions[at].key = U32::new(own.0);
                sessions.swap(kept, at);
                kept += 1;
            }
        }
        page.sessions.truncate(kept * size_of::<SessionRecord>());
        (all - kept) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::session;

    fn page(keys: &[u32]) -> StatePage {
        let sessions = keys.iter().flat_map(|&key| session(key).as_bytes().to_vec()).collect();
        StatePage { sessions, ..StatePage::default() }
    }

    #[test]
    fn sessions_get_the_numbers_of_this_process_and_those_of_unknown_keys_are_removed() {
        let mut numbers = KeyNumbers::default();
        for (exported, own) in [(1, 10), (3, 1)] {
            numbers.add(KeyId(exported), KeyId(own));
        }
        for (keys, translated, removed) in [
            (&[1, 3, 1][..], &[10, 1, 10][..], 0),
            (&[2, 1, 2, 3, 4], &[10, 1], 3),
            (&[2], &[], 1),
            (&[], &[], 0),
        ] {
            let mut page_of_keys = page(keys);
            assert_eq!(numbers.translate(&mut page_of_keys), removed);
            assert_eq!(page_of_keys, page(translated));
        }
    }

    #[test]
    fn a_page_with_a_part_of_a_session_has_none() {
        let mut torn = page(&[1, 1]);
        torn.sessions.pop();
        KeyNumbers::default().translate(&mut torn);
        assert_eq!(torn, StatePage::default());
    }
}
