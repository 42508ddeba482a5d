//! Compares the torrent table with a model of plain maps.

use super::testing::{hash, torrent_table};
use super::{Put, TakenOff, TorrentTable, TorrentTableBounds, TorrentTablePlace};
use crate::Sweep;
use crate::policy::Full;
use primitives::{InfoHash, ListSource, TorrentList};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

const PAIRS: [(TorrentList, ListSource); 4] = [
    (TorrentList::Allowed, ListSource::File),
    (TorrentList::Allowed, ListSource::Api),
    (TorrentList::Denied, ListSource::File),
    (TorrentList::Denied, ListSource::Api),
];

const BOUNDS: TorrentTableBounds = TorrentTableBounds { entries_max: 20, counted_max: 8 };

#[derive(Debug, Clone, Copy)]
enum Step {
    Put(usize, u32),
    TakeOff(usize, u32),
    Begin(usize),
    End(usize),
    Sweep(usize),
    Count(u32),
    Remember(u32, u64),
    EndCompleted,
    TakeDirty(usize),
    GiveBack,
}

fn step() -> impl Strategy<Value = Step> {
    let (pair, number) = (0_usize..4, 0_u32..30);
    prop_oneof![
        6 => (pair.clone(), number.clone()).prop_map(|(pair, number)| Step::Put(pair, number)),
        2 => (pair.clone(), number.clone()).prop_map(|(pair, number)| Step::TakeOff(pair, number)),
        1 => pair.clone().prop_map(Step::Begin),
        1 => pair.prop_map(Step::End),
        2 => prop_oneof![0_usize..3000, Just(20_000)].prop_map(Step::Sweep),
        2 => number.clone().prop_map(Step::Count),
        1 => (number, prop_oneof![0_u64..5, Just(1 << 40)]).prop_map(|(number, count)| Step::Remember(number, count)),
        1 => Just(Step::EndCompleted),
        1 => (0_usize..6).prop_map(Step::TakeDirty),
        1 => Just(Step::GiveBack),
    ]
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Reload {
    #[default]
    None,
    Filling,
    Sweeping,
}

/// One source's part of a list.
#[derive(Debug, Default)]
struct Slice {
    reload: Reload,
    on: BTreeSet<InfoHash>,
    /// Put since the last reload began.
    seen: BTreeSet<InfoHash>,
}

#[derive(Debug, Default)]
struct Model {
    slices: [Slice; 4],
    counts: BTreeMap<InfoHash, u64>,
    has_stored: BTreeSet<InfoHash>,
    all_stored_read: bool,
    dirty: BTreeSet<InfoHash>,
    taken: Vec<(InfoHash, u64)>,
}

impl Model {
    fn list(&self, list: TorrentList) -> BTreeSet<InfoHash> {
        let slices = PAIRS.iter().zip(&self.slices).filter(|((of, _), _)| *of == list);
        slices.flat_map(|(_, slice)| slice.on.iter().copied()).collect()
    }

    fn listed(&self) -> BTreeSet<InfoHash> {
        self.slices.iter().flat_map(|slice| slice.on.iter().copied()).collect()
    }

    fn known(&self) -> BTreeSet<InfoHash> {
        self.listed().into_iter().chain(self.counts.keys().copied()).collect()
    }

    fn has_room(&self, info_hash: &InfoHash) -> bool {
        self.known().contains(info_hash) || self.known().len() < BOUNDS.entries_max as usize
    }

    fn has_room_to_count(&self, info_hash: &InfoHash) -> bool {
        let counted_only = self.known().len() - self.listed().len();
        self.known().contains(info_hash)
            || self.has_room(info_hash) && counted_only < BOUNDS.counted_max as usize
    }

    fn put(&mut self, pair: usize, info_hash: InfoHash) -> Put {
        if !self.has_room(&info_hash) {
            return Put::Full;
        }
        let was_on = self.list(PAIRS[pair].0).contains(&info_hash);
        self.slices[pair].on.insert(info_hash);
        self.slices[pair].seen.insert(info_hash);
        if was_on { Put::Known } else { Put::New }
    }

    fn take_off(&mut self, pair: usize, info_hash: InfoHash) -> TakenOff {
        if !self.slices[pair].on.remove(&info_hash) {
            return TakenOff::Unknown;
        }
        let is_on = self.list(PAIRS[pair].0).contains(&info_hash);
        if is_on { TakenOff::Kept } else { TakenOff::Off }
    }

    fn count(&mut self, info_hash: InfoHash) -> Result<u64, Full> {
        if !self.has_room_to_count(&info_hash) {
            return Err(Full);
        }
        let count = self.counts.entry(info_hash).or_default();
        *count += 1;
        self.dirty.insert(info_hash);
        Ok(*count)
    }

    fn remember(&mut self, info_hash: InfoHash, completed: u64) -> Result<(), Full> {
        if completed == 0 {
            return Ok(());
        }
        if !self.has_room_to_count(&info_hash) {
            return Err(Full);
        }
        let count = self.counts.entry(info_hash).or_default();
        *count = if self.has_stored.insert(info_hash) { *count + completed } else { completed.max(*count) };
        Ok(())
    }

    /// Torrents that a sweep may remove, but need not have removed yet.
    fn left_out(&self) -> BTreeSet<(usize, InfoHash)> {
        let sweeping = self.slices.iter().enumerate().filter(|(_, slice)| slice.reload == Reload::Sweeping);
        sweeping
            .flat_map(|(pair, slice)| slice.on.difference(&slice.seen).map(move |&hash| (pair, hash)))
            .collect()
    }
}

/// Returns what each source has on each list, according to pages.
fn listed(torrent_table: &TorrentTable) -> [BTreeSet<InfoHash>; 4] {
    let mut listed: [BTreeSet<InfoHash>; 4] = Default::default();
    for list in TorrentList::ALL {
        let mut place = Some(TorrentTablePlace::default());
        while let Some(from) = place {
            place = torrent_table.page(list, from, 3, |torrent| {
                for (pair, slice) in PAIRS.iter().zip(&mut listed) {
                    let on = torrent_table.list_status(&torrent).on;
                    if pair.0 == list && on.has(super::pair::Pair::new(pair.0, pair.1)) {
                        slice.insert(torrent);
                    }
                }
            });
        }
    }
    listed
}

/// Sweeps, and removes from the model what the table removed, which must have been left out of a reload.
fn sweep(torrent_table: &mut TorrentTable, model: &mut Model, parts_max: usize) {
    let before = TorrentList::ALL.map(|list| model.list(list));
    let left_out = model.left_out();
    let mut off = BTreeSet::new();
    let sweep = torrent_table.sweep(parts_max, &mut |list, info_hash| {
        assert!(off.insert((list, info_hash)), "reported twice");
    });
    for (pair, now) in listed(torrent_table).into_iter().enumerate() {
        let gone: Vec<_> = model.slices[pair].on.difference(&now).copied().collect();
        for info_hash in gone {
            assert!(left_out.contains(&(pair, info_hash)), "{info_hash} was not left out");
            model.slices[pair].on.remove(&info_hash);
        }
    }
    let after = TorrentList::ALL.map(|list| model.list(list));
    for ((list, before), after) in TorrentList::ALL.into_iter().zip(&before).zip(&after) {
        let expected: Vec<_> = before.difference(after).collect();
        let found: Vec<_> = off.iter().filter(|(of, _)| *of == list).map(|(_, hash)| hash).collect();
        assert_eq!(found, expected);
    }
    if sweep == Sweep::Done {
        assert_eq!(model.left_out(), BTreeSet::new());
        for slice in model.slices.iter_mut().filter(|slice| slice.reload == Reload::Sweeping) {
            slice.reload = Reload::None;
        }
    }
}

fn take_dirty(torrent_table: &mut TorrentTable, model: &mut Model, max: usize) {
    let mut out = Vec::new();
    torrent_table.take_dirty(max, &mut out);
    assert_eq!(out.len(), if model.all_stored_read { max.min(model.dirty.len()) } else { 0 });
    for (info_hash, count) in &out {
        assert!(model.dirty.remove(info_hash), "{info_hash} was not dirty");
        assert_eq!(model.counts[info_hash], *count);
    }
    model.taken = out;
}

fn run(torrent_table: &mut TorrentTable, model: &mut Model, step: Step) {
    match step {
        Step::Put(pair, number) => {
            let (list, source) = PAIRS[pair];
            assert_eq!(torrent_table.put(list, source, &hash(number)), model.put(pair, hash(number)));
        }
        Step::TakeOff(pair, number) => {
            let (list, source) = PAIRS[pair];
            assert_eq!(
                torrent_table.take_off(list, source, &hash(number)),
                model.take_off(pair, hash(number))
            );
        }
        Step::Begin(pair) => {
            torrent_table.begin(PAIRS[pair].0, PAIRS[pair].1);
            model.slices[pair].reload = Reload::Filling;
            model.slices[pair].seen.clear();
        }
        Step::End(pair) => {
            torrent_table.end(PAIRS[pair].0, PAIRS[pair].1);
            let reload = &mut model.slices[pair].reload;
            *reload = if *reload == Reload::Filling { Reload::Sweeping } else { *reload };
        }
        Step::Sweep(parts_max) => sweep(torrent_table, model, parts_max),
        Step::Count(number) => {
            assert_eq!(torrent_table.count_completed(&hash(number)), model.count(hash(number)));
        }
        Step::Remember(number, count) => {
            let expected = model.remember(hash(number), count);
            assert_eq!(torrent_table.remember_completed(&hash(number), count), expected);
        }
        Step::EndCompleted => {
            torrent_table.end_completed();
            model.all_stored_read = true;
        }
        Step::TakeDirty(max) => take_dirty(torrent_table, model, max),
        Step::GiveBack => {
            torrent_table.mark_dirty_again(&model.taken);
            model.dirty.extend(model.taken.drain(..).map(|(info_hash, _)| info_hash));
        }
    }
}

fn assert_agree(torrent_table: &TorrentTable, model: &Model) {
    for info_hash in (0..30).map(hash) {
        let list_status = torrent_table.list_status(&info_hash);
        for list in TorrentList::ALL {
            assert_eq!(list_status.on.has_list(list), model.list(list).contains(&info_hash));
        }
        assert_eq!(list_status.completed, model.counts.get(&info_hash).copied().unwrap_or(0));
    }
    for list in TorrentList::ALL {
        assert_eq!(torrent_table.len(list), model.list(list).len());
    }
    assert_eq!(torrent_table.held.entries, model.known().len());
    assert_eq!(torrent_table.held.changed, model.dirty.len());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]
    #[test]
    fn a_torrent_table_contains_the_same_torrents_as_plain_maps(steps in prop::collection::vec(step(), 1..150)) {
        let mut torrent_table = torrent_table(BOUNDS);
        let mut model = Model::default();
        for step in steps {
            run(&mut torrent_table, &mut model, step);
            assert_agree(&torrent_table, &model);
        }
        let listed = listed(&torrent_table);
        for (slice, listed) in model.slices.iter().zip(&listed) {
            prop_assert_eq!(&slice.on, listed);
        }
    }
}
