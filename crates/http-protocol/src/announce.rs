use crate::address::parse_address;
use crate::event::Event;
use crate::limits::ADDRESS_TEXT_BYTES_MAX;
use crate::percent::{decode_hash, decode_into, decode_number, is_text};
use crate::query::{Parameter, ParameterValue, QueryError, parameters};
use core::net::IpAddr;
use primitives::{InfoHash, Numwant, PeerId, PeerStatus};

/// An announce (BEP 3), read from its query.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Announce<'a> {
    pub info_hash: InfoHash,
    pub peer_id: PeerId,
    /// Port where the client listens, or 0 if it does not.
    pub port: u16,
    /// Bytes uploaded since `started`, if given.
    pub uploaded: Option<u64>,
    /// Bytes downloaded since `started`, if given.
    pub downloaded: Option<u64>,
    /// Bytes left to download, if given: a client without the metadata cannot know them.
    pub left: Option<u64>,
    pub event: Event,
    pub numwant: Numwant,
    pub form: PeerForm,
    named: NamedAddresses<'a>,
}

/// The form of the peers in a response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PeerForm {
    /// Strings of 6 or 18 bytes per peer (BEP 23, BEP 7), for all clients except those that send `compact=0`.
    Compact,
    /// A list of dictionaries (BEP 3).
    Dictionaries,
    /// A list of dictionaries without peer ids (`no_peer_id`).
    DictionariesWithoutPeerIds,
}

/// The addresses that a client wants to be listed with, not decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct NamedAddresses<'a> {
    ip: Option<&'a [u8]>,
    ipv4: Option<&'a [u8]>,
    ipv6: Option<&'a [u8]>,
}

/// The values of the known parameters, not decoded.
#[derive(Debug, Clone, Copy, Default)]
struct Values<'a> {
    info_hash: Option<&'a [u8]>,
    peer_id: Option<&'a [u8]>,
    port: Option<&'a [u8]>,
    uploaded: Option<&'a [u8]>,
    downloaded: Option<&'a [u8]>,
    left: Option<&'a [u8]>,
    event: Option<&'a [u8]>,
    numwant: Option<&'a [u8]>,
    compact: Option<&'a [u8]>,
    no_peer_id: Option<&'a [u8]>,
    named: NamedAddresses<'a>,
}

impl<'a> Announce<'a> {
    /// Reads the query of an announce.
    ///
    /// The order does not matter, unknown parameters are ignored, and of several parameters with the same name the last
    /// counts, because a client appends its own to those of the tracker's URL. `info_hash`, `peer_id` and `port` are
    /// required. Other values are never a reason to refuse a client: one that is not a number counts as missing.
    ///
    /// # Errors
    /// If one of the three is missing or wrong.
    pub fn from_query(query: &'a [u8]) -> Result<Self, QueryError<'a>> {
        Self::from_query_and(query, |_| {})
    }

    /// Like [`Self::from_query`], but calls `torrent_known` with the info hash before the rest is read.
    ///
    /// # Errors
    /// If one of the three is missing or wrong.
    pub fn from_query_and(
        query: &'a [u8],
        torrent_known: impl FnOnce(&InfoHash),
    ) -> Result<Self, QueryError<'a>> {
        let values = Values::collect(query);
        let info_hash = InfoHash(twenty_bytes(values.info_hash, Parameter::InfoHash)?);
        torrent_known(&info_hash);
        Ok(Self {
            info_hash,
            peer_id: PeerId(twenty_bytes(values.peer_id, Parameter::PeerId)?),
            port: port(values.port)?,
            uploaded: values.uploaded.and_then(decode_number),
            downloaded: values.downloaded.and_then(decode_number),
            left: values.left.and_then(decode_number),
            event: values.event.map_or(Event::None, Event::from_value),
            numwant: numwant(values.numwant),
            form: values.form(),
            named: values.named,
        })
    }

    /// Returns whether the peer counts as a seeder or a leecher.
    pub const fn status(&self) -> PeerStatus {
        self.event.status(self.left)
    }

    /// Returns the address in `ip`, if it is one: BEP 3 allows a DNS name too. It is not verified.
    pub fn ip(&self) -> Option<IpAddr> {
        decode_address(self.named.ip?)
    }

    /// Returns the address in `ipv4` (BEP 7). It is not verified.
    pub fn ipv4(&self) -> Option<IpAddr> {
        decode_address(self.named.ipv4?).filter(IpAddr::is_ipv4)
    }

    /// Returns the address in `ipv6` (BEP 7). It is not verified.
    pub fn ipv6(&self) -> Option<IpAddr> {
        decode_address(self.named.ipv6?).filter(IpAddr::is_ipv6)
    }
}

impl<'a> Values<'a> {
    fn collect(query: &'a [u8]) -> Self {
        let mut values = Self::default();
        for (name, value) in parameters(query) {
            if let Some(place) = values.place(name) {
                *place = Some(value);
            }
        }
        values
    }

    fn place(&mut self, name: &[u8]) -> Option<&mut Option<&'a [u8]>> {
        match name {
            b"info_hash" => Some(&mut self.info_hash),
            b"peer_id" => Some(&mut self.peer_id),
            b"port" => Some(&mut self.port),
            b"uploaded" => Some(&mut self.uploaded),
            b"downloaded" => Some(&mut self.downloaded),
            b"left" => Some(&mut self.left),
            b"event" => Some(&mut self.event),
            b"numwant" => Some(&mut self.numwant),
            b"compact" => Some(&mut self.compact),
            b"no_peer_id" => Some(&mut self.no_peer_id),
            b"ip" => Some(&mut self.named.ip),
            b"ipv4" => Some(&mut self.named.ipv4),
            b"ipv6" => Some(&mut self.named.ipv6),
            _ => None,
        }
    }

    fn form(&self) -> PeerForm {
        let is = |value: Option<&[u8]>, text| value.is_some_and(|value| is_text(value, text));
        match (is(self.compact, "0"), is(self.no_peer_id, "1")) {
            (false, _) => PeerForm::Compact,
            (true, false) => PeerForm::Dictionaries,
            (true, true) => PeerForm::DictionariesWithoutPeerIds,
        }
    }
}

pub(crate) fn twenty_bytes(value: Option<&[u8]>, parameter: Parameter) -> Result<[u8; 20], QueryError<'_>> {
    let value = value.ok_or(QueryError::Missing(parameter))?;
    decode_hash(value).ok_or(QueryError::NotTwentyBytes(parameter, ParameterValue(value)))
}

fn port(value: Option<&[u8]>) -> Result<u16, QueryError<'_>> {
    let value = value.ok_or(QueryError::Missing(Parameter::Port))?;
    let number = decode_number(value).and_then(|number| u16::try_from(number).ok());
    number.ok_or(QueryError::NotAPort(ParameterValue(value)))
}

/// Negative numbers and values that are not numbers leave the choice to the tracker.
fn numwant(value: Option<&[u8]>) -> Numwant {
    let number = value.and_then(decode_number);
    number.map_or(Numwant::Default, |number| Numwant::AtMost(u32::try_from(number).unwrap_or(u32::MAX)))
}

fn decode_address(value: &[u8]) -> Option<IpAddr> {
    parse_address(decode_into(value, &mut [0; ADDRESS_TEXT_BYTES_MAX])?)
}

#[cfg(test)]
mod tests;
