use crate::limits::{OFFENDER_WAYS, OFFENDERS_MAX};
use crate::prefix::Prefix;
use crate::settings::Class;

/// A prefix that was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Offender {
    /// The narrowest prefix of the source that was over its limit.
    pub prefix: Prefix,
    /// Its place among the lengths of its family; 0 is the narrowest.
    pub level: u8,
    pub class: Class,
    /// How often it was refused, at least.
    pub refused: u32,
}

/// The prefixes that a core refused most since the last report.
///
/// A prefix that finds no place takes that of the one refused least. The new prefix starts with its own refusals. For choosing which
/// prefix gives way, the refusals of the earlier holders of a place count too.
#[derive(Debug, Clone)]
pub struct Offenders {
    places: [Option<Place>; OFFENDERS_MAX],
}

#[derive(Debug, Clone, Copy)]
struct Place {
    offender: Offender,
    /// Of its refusals, those that are not recent any more.
    noted: u32,
    /// The refusals of the prefixes that had the place before.
    inherited: u32,
}

impl Default for Offenders {
    fn default() -> Self {
        Self { places: [None; OFFENDERS_MAX] }
    }
}

impl Place {
    const fn claim(&self) -> u32 {
        self.offender.refused.saturating_add(self.inherited)
    }
}

impl Offenders {
    /// Returns the offenders, in no order.
    pub fn iter(&self) -> impl Iterator<Item = &Offender> {
        self.places.iter().flatten().map(|place| &place.offender)
    }

    /// Returns whether nothing was refused.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.iter().next().is_none()
    }

    /// Returns the offenders with their refusals since the last call. Those that were reported meanwhile are left out.
    pub(crate) fn take_recent(&mut self) -> impl Iterator<Item = Offender> {
        self.places.iter_mut().flatten().map(|Place { offender, noted, .. }| {
            let refused = offender.refused - core::mem::replace(noted, offender.refused);
            Offender { refused, ..*offender }
        })
    }

    /// Counts the refusals of an offender, of which `noted` are not recent. `hash` is the same for the same prefix.
    pub(crate) fn count(&mut self, hash: u64, offender: Offender, noted: u32) {
        #[expect(clippy::cast_possible_truncation, reason = "a place among the offenders")]
        let set = hash as usize % (OFFENDERS_MAX / OFFENDER_WAYS);
        let places = &mut self.places[set * OFFENDER_WAYS..][..OFFENDER_WAYS];
        let is_same = |place: &Place| {
            place.offender.prefix == offender.prefix && place.offender.class == offender.class
        };
        if let Some(place) = places.iter_mut().flatten().find(|place| is_same(place)) {
            place.noted = place.noted.saturating_add(noted);
            place.offender.refused = place.offender.refused.saturating_add(offender.refused);
            return;
        }
        if let Some(least) = places.iter_mut().min_by_key(|place| place.map_or(0, |place| place.claim())) {
            let inherited = least.map_or(0, |place| place.claim());
            *least = Some(Place { offender, noted, inherited });
        }
    }
}
