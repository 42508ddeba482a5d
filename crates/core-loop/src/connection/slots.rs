use super::slot::Connection;
use crate::wire::SlotKey;

/// Generations wrap around after this one, so that the highest bit stays free.
const GENERATION_MAX: u32 = u32::MAX >> 1;

/// The connections of a core.
#[derive(Debug)]
pub(super) struct Slots<W> {
    slots: Vec<Slot<W>>,
    vacant: Vec<u32>,
    occupied: usize,
}

#[derive(Debug)]
struct Slot<W> {
    generation: u32,
    connection: Option<Connection<W>>,
}

impl<W> Default for Slots<W> {
    fn default() -> Self {
        Self { slots: Vec::new(), vacant: Vec::new(), occupied: 0 }
    }
}

impl<W> Slots<W> {
    /// Returns the number of connections.
    pub(super) const fn len(&self) -> usize {
        self.occupied
    }

    /// Returns the number of slots, including those without a connection.
    pub(super) const fn places(&self) -> usize {
        self.slots.len()
    }

    /// Puts a connection into a slot.
    ///
    /// # Panics
    /// When there are 2^32 already. The limit on connections is far lower.
    pub(super) fn insert(&mut self, connection: Connection<W>) -> SlotKey {
        self.occupied += 1;
        let slot = self.vacant.pop().unwrap_or_else(|| {
            self.slots.push(Slot { generation: 0, connection: None });
            u32::try_from(self.slots.len() - 1).expect("the limit on connections is lower")
        });
        let place = &mut self.slots[slot as usize];
        place.connection = Some(connection);
        SlotKey { slot, generation: place.generation }
    }

    /// Returns the connection, if the slot is still its own.
    pub(super) fn get(&self, key: SlotKey) -> Option<&Connection<W>> {
        self.at(key.slot as usize).filter(|(other, _)| *other == key).map(|(_, connection)| connection)
    }

    /// Returns the connection, if the slot is still its own.
    pub(super) fn get_mut(&mut self, key: SlotKey) -> Option<&mut Connection<W>> {
        let slot = self.slots.get_mut(key.slot as usize)?;
        slot.connection.as_mut().filter(|_| slot.generation == key.generation)
    }

    /// Returns the connection in a slot.
    pub(super) fn at(&self, slot: usize) -> Option<(SlotKey, &Connection<W>)> {
        let place = self.slots.get(slot)?;
        let slot = u32::try_from(slot).ok()?;
        Some((SlotKey { slot, generation: place.generation }, place.connection.as_ref()?))
    }

    pub(super) fn remove(&mut self, key: SlotKey) -> Option<Connection<W>> {
        let slot = self.slots.get_mut(key.slot as usize).filter(|slot| slot.generation == key.generation)?;
        let connection = slot.connection.take()?;
        slot.generation = if slot.generation == GENERATION_MAX { 0 } else { slot.generation + 1 };
        self.vacant.push(key.slot);
        self.occupied -= 1;
        Some(connection)
    }
}
