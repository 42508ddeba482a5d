use primitives::AddressFamily;

/// The kind of a reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReplyKind {
    Connect,
    Announce,
    Scrape,
    /// Reports an error, whatever the request.
    Error,
}

/// The kind of a reply and the family of its client. Each pair has its own histograms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReplyTag {
    pub kind: ReplyKind,
    pub family: AddressFamily,
}

impl ReplyKind {
    /// All kinds, indexed by their actions in BEP 15.
    pub const ALL: [Self; 4] = [Self::Connect, Self::Announce, Self::Scrape, Self::Error];

    const fn name(self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::Announce => "announce",
            Self::Scrape => "scrape",
            Self::Error => "error",
        }
    }
}

impl ReplyTag {
    pub(crate) const COUNT: usize = ReplyKind::ALL.len() * AddressFamily::ALL.len();

    /// All tags, in the order of their slots.
    pub const ALL: [Self; Self::COUNT] = {
        let mut all = [Self { kind: ReplyKind::Connect, family: AddressFamily::V4 }; Self::COUNT];
        let mut slot = 0;
        while slot < Self::COUNT {
            all[slot].kind = ReplyKind::ALL[slot % ReplyKind::ALL.len()];
            all[slot].family = AddressFamily::ALL[slot / ReplyKind::ALL.len()];
            slot += 1;
        }
        all
    };

    /// Returns the tag of an encoded reply to a client of `family`, or `None` if it is not a reply of BEP 15.
    pub fn of_reply(reply: &[u8], family: AddressFamily) -> Option<Self> {
        let action = u32::from_be_bytes(*reply.first_chunk()?);
        let kind = *ReplyKind::ALL.get(usize::try_from(action).ok()?)?;
        Some(Self { kind, family })
    }

    pub(crate) const fn slot(self) -> usize {
        self.family as usize * ReplyKind::ALL.len() + self.kind as usize
    }

    /// The name of the histogram in a log.
    pub(crate) fn name(self) -> String {
        let family = match self.family {
            AddressFamily::V4 => "ipv4",
            AddressFamily::V6 => "ipv6",
        };
        format!("{}-{family}", self.kind.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_slots_of_all_tags_count_up_from_0() {
        let slots: Vec<usize> = ReplyTag::ALL.map(ReplyTag::slot).to_vec();
        assert_eq!(slots, (0..ReplyTag::COUNT).collect::<Vec<_>>());
    }

    #[test]
    fn the_action_of_a_reply_determines_its_kind() {
        for (action, kind) in (0_u8..).zip(ReplyKind::ALL) {
            let tag = ReplyTag::of_reply(&[0, 0, 0, action, 9], AddressFamily::V6);
            assert_eq!(tag, Some(ReplyTag { kind, family: AddressFamily::V6 }));
        }
        for junk in [&[0, 0, 0, 4][..], &[1, 0, 0, 0], &[0, 0, 0]] {
            assert_eq!(ReplyTag::of_reply(junk, AddressFamily::V4), None);
        }
    }
}
