//! The files under a database: the real one, and one that keeps what is written in memory, so that a
//! damaged database can be looked at without a byte of it being changed.

use std::{
    collections::BTreeMap,
    fs::File,
    io,
    os::unix::fs::FileExt,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use redb::StorageBackend;

/// How many bytes may still be written before every write fails. A branch that is killed within a
/// living process blows its fuse: the file is left as a kill -9 would leave it. Tests fill a disk so.
#[derive(Clone, Debug)]
pub struct Fuse(Arc<AtomicU64>);

impl Default for Fuse {
    fn default() -> Self {
        Self(Arc::new(AtomicU64::new(u64::MAX)))
    }
}

impl Fuse {
    /// From now on, nothing is written.
    pub fn blow(&self) {
        self.leave(0);
    }

    /// After so many more bytes, nothing is written.
    pub fn leave(&self, bytes: u64) {
        self.0.store(bytes, Ordering::Relaxed);
    }

    /// How many of `wanted` bytes may be written.
    fn take(&self, wanted: usize) -> usize {
        let left = |left: u64| (left < u64::MAX).then(|| left.saturating_sub(wanted as u64));
        let before = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, left).unwrap_or(u64::MAX);
        wanted.min(usize::try_from(before).unwrap_or(usize::MAX))
    }

    fn check(&self) -> io::Result<()> {
        if self.0.load(Ordering::Relaxed) == 0 { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
    }
}

/// The file of a database that is written.
#[derive(Debug)]
pub(super) struct Real {
    pub(super) file: File,
    /// Whether a commit waits for the disk, or for the system's memory only.
    pub(super) synced: bool,
    pub(super) fuse: Fuse,
}

impl StorageBackend for Real {
    fn len(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.len())
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.file.read_exact_at(out, offset)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.fuse.check()?;
        self.file.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.fuse.check()?;
        if self.synced { self.file.sync_data() } else { Ok(()) }
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let room = self.fuse.take(data.len());
        self.file.write_all_at(&data[..room], offset)?;
        if room < data.len() { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
    }

    /// Whatever the durability, a branch that ends in good order leaves everything on the disk.
    fn close(&self) -> io::Result<()> {
        self.fuse.check()?;
        self.file.sync_data()
    }
}

const BLOCK: u64 = 4096;

/// A file as it would be after what was written, none of which reaches it.
#[derive(Debug)]
pub(super) struct Overlay {
    file: File,
    written: Mutex<Written>,
}

#[derive(Debug)]
struct Written {
    /// By their number.
    blocks: BTreeMap<u64, Vec<u8>>,
    len: u64,
    /// From here on, the file's own bytes count no more.
    file_len: u64,
}

impl Overlay {
    pub(super) fn new(file: File) -> io::Result<Self> {
        let len = file.metadata()?.len();
        Ok(Self { file, written: Mutex::new(Written { blocks: BTreeMap::new(), len, file_len: len }) })
    }

    fn lock(&self) -> MutexGuard<'_, Written> {
        self.written.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Written {
    fn block(&self, number: u64, file: &File) -> io::Result<Vec<u8>> {
        if let Some(block) = self.blocks.get(&number) {
            return Ok(block.clone());
        }
        let mut block = vec![0; BLOCK as usize];
        let own = self.file_len.saturating_sub(number * BLOCK).min(BLOCK) as usize;
        file.read_exact_at(&mut block[..own], number * BLOCK)?;
        Ok(block)
    }
}

/// The blocks of a range: each one's number, the part of it, and the part of the range.
fn parts(offset: u64, len: usize) -> impl Iterator<Item = (u64, std::ops::Range<usize>, std::ops::Range<usize>)> {
    let end = offset + len as u64;
    (offset / BLOCK..end.div_ceil(BLOCK)).map(move |number| {
        let (from, to) = (offset.max(number * BLOCK), end.min((number + 1) * BLOCK));
        let within = (from - number * BLOCK) as usize..(to - number * BLOCK) as usize;
        (number, within, (from - offset) as usize..(to - offset) as usize)
    })
}

impl StorageBackend for Overlay {
    fn len(&self) -> io::Result<u64> {
        Ok(self.lock().len)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let written = self.lock();
        if offset + out.len() as u64 > written.len {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        for (number, within, of_range) in parts(offset, out.len()) {
            out[of_range].copy_from_slice(&written.block(number, &self.file)?[within]);
        }
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let mut written = self.lock();
        if len < written.len {
            written.file_len = len.min(written.file_len);
            written.blocks.retain(|&number, _| number * BLOCK < len);
            let last = len / BLOCK;
            if let Some(block) = written.blocks.get_mut(&last) {
                block[(len - last * BLOCK) as usize..].fill(0);
            }
        }
        written.len = len;
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let mut written = self.lock();
        for (number, within, of_range) in parts(offset, data.len()) {
            let mut block = written.block(number, &self.file)?;
            block[within].copy_from_slice(&data[of_range]);
            written.blocks.insert(number, block);
        }
        Ok(())
    }
}
