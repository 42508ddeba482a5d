//! Cores and pages for the tests of this crate.

use crate::frames::{FrameWriter, Sum};
use crate::keys::KeyName;
use crate::manifest::{Refused, Secrets};
use core_link::{CoreEnd, CoreTask, Cores, link_cores};
use primitives::{
    AuthenticationKey, ExportPlace, ExportedPage, Imported, InfoHash, KeyId, PeerId, Second, SessionRecord,
    ShardCount, ShardId, StatePage, SteeringKey,
};
use std::io;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::time::sleep;
use zerocopy::IntoBytes as _;
use zerocopy::little_endian::{U32, U64};

pub(crate) const SECRETS: Secrets = Secrets {
    steering: SteeringKey { addend: 1, multipliers: [2, 3, 4, 5, 6, 7, 8, 9, 10, 11] },
    connection_ids: [12; 16],
};

pub(crate) fn shard(index: usize) -> ShardId {
    ShardId::new(index, ShardCount::new(256).unwrap()).unwrap()
}

pub(crate) fn key(number: u8) -> AuthenticationKey {
    AuthenticationKey::parse(&[b'a' + number; 32]).unwrap()
}

/// Returns a session of a key with this number.
pub(crate) fn session(key: u32) -> SessionRecord {
    SessionRecord {
        key: U32::new(key),
        heard: U32::new(7),
        uploaded: U64::new(8),
        downloaded: U64::new(9),
        info_hash: InfoHash([1; 20]),
        peer_id: PeerId([2; 20]),
        state: 1,
    }
}

/// Returns a page with a session of the key with this number.
pub(crate) fn page(number: u8) -> StatePage {
    StatePage {
        exported: Second(number.into()),
        swarms: vec![number; 30],
        sessions: session(number.into()).as_bytes().to_vec(),
    }
}

/// Returns a page with only the swarms of [`page`].
pub(crate) fn swarms_page(number: u8) -> StatePage {
    StatePage { sessions: Vec::new(), ..page(number) }
}

/// Returns a page with the sessions of the pages up to this number.
pub(crate) fn sessions_page(pages: u8) -> StatePage {
    let sessions = (1..=pages).flat_map(|number| page(number).sessions).collect();
    StatePage { exported: Second(0), swarms: Vec::new(), sessions }
}

pub(crate) async fn whole_stream() -> (Vec<u8>, Sum) {
    let mut writer = FrameWriter::begin(Vec::new()).await.unwrap();
    writer.page(shard(0), &page(1)).await.unwrap();
    writer.page(shard(255), &StatePage::default()).await.unwrap();
    writer.keys(&[0, 1].map(|number| KeyName::new(KeyId(number.into()), &key(number)))).await.unwrap();
    writer.end().await.unwrap();
    writer.finish()
}

pub(crate) fn full_disk() -> io::Error {
    io::ErrorKind::StorageFull.into()
}

pub(crate) fn assert_torn(refused: Option<&Refused>, name: &str) {
    assert!(matches!(refused, Some(Refused::Torn { file }) if file == name), "{name}: {refused:?}");
}

/// Cores with pages to export, which record what they import.
pub(crate) struct TestCores {
    pub(crate) cores: Cores,
    record: Arc<Record>,
}

#[derive(Default)]
struct Record {
    exported: Mutex<usize>,
    /// What each import takes.
    import_time: Mutex<Duration>,
    /// The pages that each core imported, with the shifts of their times.
    imported: Mutex<Vec<Vec<(StatePage, i64)>>>,
    /// The cores whose workers have exited.
    lost: Mutex<Vec<usize>>,
}

impl TestCores {
    /// Starts cores with this many pages of swarms each, which are numbered from 1, and a page of their sessions.
    pub(crate) fn start(shards: usize, pages: u32) -> Self {
        let (cores, ends) = link_cores(ShardCount::new(shards).unwrap(), Instant::now());
        let record = Arc::<Record>::default();
        record.imported.lock().unwrap().resize(shards, Vec::new());
        tokio::spawn(serve(ends, pages, Arc::clone(&record)));
        Self { cores, record }
    }

    /// Has a worker exit.
    pub(crate) fn lose(&self, shard: usize) {
        self.record.lost.lock().unwrap().push(shard);
    }

    /// Has each import take this long.
    pub(crate) fn slow_down(&self, import_time: Duration) {
        *self.record.import_time.lock().unwrap() = import_time;
    }

    pub(crate) fn exported(&self) -> usize {
        *self.record.exported.lock().unwrap()
    }

    pub(crate) fn imported(&self) -> Vec<Vec<(StatePage, i64)>> {
        self.record.imported.lock().unwrap().clone()
    }
}

async fn serve(ends: Vec<CoreEnd>, pages: u32, record: Arc<Record>) {
    loop {
        for (core, end) in ends.iter().enumerate() {
            let is_lost = record.lost.lock().unwrap().contains(&core);
            while let Some(task) = end.next_task() {
                if !is_lost {
                    let import_time = *record.import_time.lock().unwrap();
                    sleep(import_time).await;
                    serve_task(core, pages, task, &record);
                }
            }
        }
        sleep(Duration::from_millis(1)).await;
    }
}

fn serve_task(core: usize, pages: u32, task: CoreTask, record: &Record) {
    match task {
        CoreTask::Export(ExportPlace { part, next }, reply) => {
            *record.exported.lock().unwrap() += 1;
            let small = |number: u32| u8::try_from(number % 100).unwrap();
            reply.send(if part < ExportPlace::SWARMS.part {
                ExportedPage { page: sessions_page(small(pages)), next: Some(ExportPlace::SWARMS) }
            } else {
                let next_place = (next + 1 < pages).then_some(ExportPlace { part, next: next + 1 });
                ExportedPage { page: swarms_page(small(next + 1)), next: next_place }
            });
        }
        CoreTask::Import(page, shift, reply) => {
            record.imported.lock().unwrap()[core].push((StatePage::clone(&page), shift.0));
            reply.send(Imported { swarms: u64::from(!page.swarms.is_empty()), ..Imported::default() });
        }
        other => panic!("{other:?}"),
    }
}
