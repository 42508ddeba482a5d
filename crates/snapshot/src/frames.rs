//! Frames: pages of state, and keys with their numbers, over any stream of bytes.
//!
//! A stream begins with a magic number and the version of the format. Each frame has its kind, its shard, its length, and a
//! checksum of all of it. All numbers are little endian.

use crate::keys::KeyName;
use crate::limits::{FRAME_BYTES_MAX, FRAME_BYTES_TRUSTED};
use crc32fast::Hasher;
use primitives::{SHARDS_MAX, Second, ShardCount, ShardId, StatePage};
use std::io;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use zerocopy::little_endian::{U16, U32, U64};
use zerocopy::{FromBytes, FromZeros as _, Immutable, IntoBytes, KnownLayout, Unaligned};

/// The version of the format.
pub const VERSION: u32 = 1;

const MAGIC: [u8; 8] = *b"RTSTATE\n";

const PAGE_HEADER_BYTES: u32 = 8;
const _: () = assert!(size_of::<PageHeader>() == PAGE_HEADER_BYTES as usize);

const PAGE: u16 = 1;
const KEYS: u16 = 2;
const END: u16 = 3;

/// What a frame carries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Frame {
    /// A page of a shard of the exporting process.
    Page(ShardId, StatePage),
    /// Keys of the sessions in pages, with their numbers.
    Keys(Vec<KeyName>),
    /// All pages have been sent. More frames may follow, as changes do.
    End(Totals),
}

/// What a stream had before its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Totals {
    pub frames: u64,
    /// Bytes of the stream.
    pub bytes: u64,
}

/// The length and the checksum of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Sum {
    pub bytes: u64,
    pub checksum: u32,
}

/// Why no frame can be read.
#[derive(Debug, thiserror::Error)]
pub enum FrameError {
    #[error("it ends within a frame")]
    Torn,
    #[error("a frame has changed since it was written")]
    Changed,
    #[error("it has no frames")]
    Foreign,
    #[error("its frames have version {0}")]
    Version(u32),
    #[error(transparent)]
    Io(io::Error),
}

impl From<io::Error> for FrameError {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::UnexpectedEof { Self::Torn } else { Self::Io(error) }
    }
}

#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct StreamHeader {
    magic: [u8; 8],
    version: U32,
}

#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct FrameHeader {
    kind: U16,
    shard: U16,
    /// Bytes that follow this header.
    length: U32,
    /// Of the fields before and of what follows.
    checksum: U32,
}

#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct PageHeader {
    exported: U32,
    /// Bytes of swarms; those of sessions follow.
    swarms: U32,
}

#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct End {
    frames: U64,
    bytes: U64,
}

impl FrameHeader {
    fn checksum(&self, payload: &[&[u8]]) -> u32 {
        let mut hasher = Hasher::new();
        hasher.update(self.kind.as_bytes());
        hasher.update(self.shard.as_bytes());
        hasher.update(self.length.as_bytes());
        payload.iter().for_each(|piece| hasher.update(piece));
        hasher.finalize()
    }
}

/// Counts a stream. Its checksum is that of its headers, which have the checksums of the rest.
#[derive(Debug, Clone, Default)]
struct Count {
    frames: u64,
    bytes: u64,
    hasher: Hasher,
}

impl Count {
    fn add(&mut self, header: &[u8], payload_bytes: usize) {
        self.frames += 1;
        self.bytes += (header.len() + payload_bytes) as u64;
        self.hasher.update(header);
    }

    const fn totals(&self) -> Totals {
        Totals { frames: self.frames, bytes: self.bytes }
    }

    fn sum(&self) -> Sum {
        Sum { bytes: self.bytes, checksum: self.hasher.clone().finalize() }
    }
}

/// Writes frames.
#[derive(Debug)]
pub struct FrameWriter<W> {
    output: W,
    count: Count,
}

impl<W: AsyncWrite + Unpin> FrameWriter<W> {
    /// Begins a stream.
    ///
    /// # Errors
    /// If the output fails.
    pub async fn begin(mut output: W) -> io::Result<Self> {
        let header = StreamHeader { magic: MAGIC, version: U32::new(VERSION) };
        output.write_all(header.as_bytes()).await?;
        let mut count = Count::default();
        count.add(header.as_bytes(), 0);
        Ok(Self { output, count })
    }

    /// Writes a page.
    ///
    /// # Errors
    /// If the output fails, or the page is longer than a frame may be.
    pub async fn page(&mut self, shard: ShardId, page: &StatePage) -> io::Result<()> {
        let swarms = u32::try_from(page.swarms.len()).map_err(|_| too_long())?;
        let header = PageHeader { exported: U32::new(page.exported.0), swarms: U32::new(swarms) };
        self.frame(PAGE, shard.index(), &[header.as_bytes(), &page.swarms, &page.sessions]).await
    }

    /// Writes keys.
    ///
    /// # Errors
    /// If the output fails.
    pub async fn keys(&mut self, keys: &[KeyName]) -> io::Result<()> {
        self.frame(KEYS, 0, &[keys.as_bytes()]).await
    }

    /// Writes that all pages have been written, and passes everything on.
    ///
    /// # Errors
    /// If the output fails.
    pub async fn end(&mut self) -> io::Result<()> {
        let Totals { frames, bytes } = self.count.totals();
        let end = End { frames: U64::new(frames), bytes: U64::new(bytes) };
        self.frame(END, 0, &[end.as_bytes()]).await?;
        self.flush().await
    }

    /// Passes on what has been written.
    ///
    /// # Errors
    /// If the output fails.
    pub async fn flush(&mut self) -> io::Result<()> {
        self.output.flush().await
    }

    /// Returns the output, with the sum of what was written to it.
    pub fn finish(self) -> (W, Sum) {
        let sum = self.count.sum();
        (self.output, sum)
    }

    async fn frame(&mut self, kind: u16, shard: usize, payload: &[&[u8]]) -> io::Result<()> {
        let bytes: usize = payload.iter().map(|piece| piece.len()).sum();
        let length = u32::try_from(bytes).ok().filter(|length| *length <= FRAME_BYTES_MAX);
        let mut header = FrameHeader {
            kind: U16::new(kind),
            shard: U16::new(u16::try_from(shard).expect("there are at most SHARDS_MAX shards")),
            length: U32::new(length.ok_or_else(too_long)?),
            checksum: U32::ZERO,
        };
        header.checksum = U32::new(header.checksum(payload));
        self.count.add(header.as_bytes(), bytes);
        self.output.write_all(header.as_bytes()).await?;
        for piece in payload {
            self.output.write_all(piece).await?;
        }
        Ok(())
    }
}

fn too_long() -> io::Error {
    io::Error::other("a page is longer than a frame may be")
}

/// Reads frames.
#[derive(Debug)]
pub struct FrameReader<R> {
    input: R,
    count: Count,
}

impl<R: AsyncRead + Unpin> FrameReader<R> {
    /// Reads the beginning of a stream.
    ///
    /// # Errors
    /// If the input fails, or does not begin as a stream of this version.
    pub async fn begin(mut input: R) -> Result<Self, FrameError> {
        let mut header = StreamHeader::new_zeroed();
        input.read_exact(header.as_mut_bytes()).await?;
        if header.magic != MAGIC {
            return Err(FrameError::Foreign);
        }
        if header.version.get() != VERSION {
            return Err(FrameError::Version(header.version.get()));
        }
        let mut count = Count::default();
        count.add(header.as_bytes(), 0);
        Ok(Self { input, count })
    }

    /// Reads the next frame.
    ///
    /// # Errors
    /// If the input fails, or has no whole frame, or the frame has changed. Nothing more can be read then.
    pub async fn next(&mut self) -> Result<Frame, FrameError> {
        let before = self.count.totals();
        let mut header = FrameHeader::new_zeroed();
        self.input.read_exact(header.as_mut_bytes()).await?;
        let length = header.length.get();
        if length > FRAME_BYTES_MAX {
            return Err(FrameError::Changed);
        }
        let frame =
            if header.kind.get() == PAGE { self.page(&header).await? } else { self.other(&header).await? };
        self.count.add(header.as_bytes(), length as usize);
        match &frame {
            Frame::End(totals) if *totals != before => Err(FrameError::Changed),
            _ => Ok(frame),
        }
    }

    /// Returns the sum of what was read, once the stream has ended.
    ///
    /// # Errors
    /// If more follows, or the input fails.
    pub async fn finish(mut self) -> Result<Sum, FrameError> {
        if self.input.read(&mut [0]).await? == 0 { Ok(self.count.sum()) } else { Err(FrameError::Changed) }
    }

    async fn page(&mut self, header: &FrameHeader) -> Result<Frame, FrameError> {
        let mut page_header = PageHeader::new_zeroed();
        let rest = header.length.get().checked_sub(PAGE_HEADER_BYTES).ok_or(FrameError::Changed)?;
        self.input.read_exact(page_header.as_mut_bytes()).await?;
        let swarms = page_header.swarms.get();
        let sessions = rest.checked_sub(swarms).ok_or(FrameError::Changed)?;
        let (swarms, sessions) = (self.bytes(swarms).await?, self.bytes(sessions).await?);
        check(header, &[page_header.as_bytes(), &swarms, &sessions])?;
        let shards = ShardCount::new(SHARDS_MAX.into()).expect("SHARDS_MAX shards are possible");
        let shard = ShardId::new(header.shard.get().into(), shards).ok_or(FrameError::Changed)?;
        let exported = Second(page_header.exported.get());
        Ok(Frame::Page(shard, StatePage { exported, swarms, sessions }))
    }

    async fn other(&mut self, header: &FrameHeader) -> Result<Frame, FrameError> {
        let payload = self.bytes(header.length.get()).await?;
        check(header, &[&payload])?;
        match header.kind.get() {
            KEYS => {
                let keys = <[KeyName]>::ref_from_bytes(&payload).map_err(|_| FrameError::Changed)?;
                Ok(Frame::Keys(keys.to_vec()))
            }
            END => {
                let end = End::read_from_bytes(&payload).map_err(|_| FrameError::Changed)?;
                Ok(Frame::End(Totals { frames: end.frames.get(), bytes: end.bytes.get() }))
            }
            _ => Err(FrameError::Changed),
        }
    }

    /// Reads bytes, for which memory is taken as they arrive.
    async fn bytes(&mut self, length: u32) -> Result<Vec<u8>, FrameError> {
        let mut bytes = Vec::with_capacity((length as usize).min(FRAME_BYTES_TRUSTED));
        (&mut self.input).take(length.into()).read_to_end(&mut bytes).await?;
        if bytes.len() == length as usize { Ok(bytes) } else { Err(FrameError::Torn) }
    }
}

fn check(header: &FrameHeader, payload: &[&[u8]]) -> Result<(), FrameError> {
    if header.checksum(payload) == header.checksum.get() { Ok(()) } else { Err(FrameError::Changed) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{page, shard, whole_stream};

    async fn read(stream: &[u8]) -> Result<(Vec<Frame>, Sum), FrameError> {
        let mut reader = FrameReader::begin(stream).await?;
        let mut frames = Vec::new();
        while !matches!(frames.last(), Some(Frame::End(_))) {
            frames.push(reader.next().await?);
        }
        Ok((frames, reader.finish().await?))
    }

    #[tokio::test]
    async fn frames_are_read_as_they_were_written() {
        let (stream, written) = whole_stream().await;
        let (frames, sum) = read(&stream).await.unwrap();
        assert_eq!((sum, sum.bytes), (written, stream.len() as u64));
        let [Frame::Page(first, a), Frame::Page(last, b), Frame::Keys(keys), Frame::End(totals)] =
            &frames[..]
        else {
            panic!("{} frames", frames.len())
        };
        assert_eq!((*first, a), (shard(0), &page(1)));
        assert_eq!((*last, b), (shard(255), &StatePage::default()));
        assert_eq!((keys.len(), totals.frames), (2, 4));
    }

    #[tokio::test]
    async fn a_stream_that_is_torn_at_any_byte_is_refused() {
        let (stream, _) = whole_stream().await;
        for bytes in 0..stream.len() {
            assert!(matches!(read(&stream[..bytes]).await, Err(FrameError::Torn)), "{bytes}");
        }
        assert!(matches!(read(&[&stream[..], &[0]].concat()).await, Err(FrameError::Changed)));
    }

    #[tokio::test]
    async fn a_stream_with_any_flipped_bit_is_refused() {
        let (stream, _) = whole_stream().await;
        for bit in 0..8 * stream.len() {
            let mut flipped = stream.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            let error = read(&flipped).await.err();
            match bit / 8 {
                0..8 => assert!(matches!(error, Some(FrameError::Foreign)), "{bit}"),
                8..12 => assert!(matches!(error, Some(FrameError::Version(_))), "{bit}"),
                _ => assert!(matches!(error, Some(FrameError::Changed | FrameError::Torn)), "{bit}"),
            }
        }
    }
}
