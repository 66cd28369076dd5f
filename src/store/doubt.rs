//! The one thing about its file that redb takes on trust: which of the two commits in the header is
//! the newest. It is a single bit, under no checksum. Flipped, it would show the bank as it was one
//! commit ago, and nobody would know.
//!
//! If the commit that the bit names is older than the other, then the bit is wrong, or a number in the
//! other commit is, or a kill came between the two writes of a commit that was not acknowledged yet. In
//! each case it is right to take the newer one if it is whole, and the named one otherwise. That is
//! what redb does for commits of one phase: so its note that there were two is taken back. (A number
//! that is wrong in the named commit has been found by then: it is under that commit's checksum.)

use std::io;

use redb::StorageBackend;

// The header as redb's docs/design.md has it, for file format 3.
const GOD_BYTE: usize = 9;
const PRIMARY: u8 = 1;
const TWO_PHASE: u8 = 4;
const SLOTS: [usize; 2] = [64, 192];
const SLOT_VERSION: u8 = 3;
const TRANSACTION: usize = 104;
const HEADER: usize = 320;

/// Lets redb judge by checksums which commit is the newest, if there is any doubt. For a file whose
/// named commit was found to be sound.
pub(super) fn settle(file: &impl StorageBackend) -> io::Result<()> {
    let mut header = [0; HEADER];
    if file.len()? < HEADER as u64 {
        return Ok(());
    }
    file.read(0, &mut header)?;
    match settled(&header) {
        Some(god_byte) => file.write(GOD_BYTE as u64, &[god_byte]),
        None => Ok(()),
    }
}

/// The byte to put in the place of the header's, if any.
fn settled(header: &[u8; HEADER]) -> Option<u8> {
    let god_byte = header[GOD_BYTE];
    let primary = usize::from(god_byte & PRIMARY != 0);
    let transaction = |slot: usize| {
        let mut bytes = [0; 8];
        bytes.copy_from_slice(&header[SLOTS[slot] + TRANSACTION..][..8]);
        u64::from_le_bytes(bytes)
    };
    let known = SLOTS.iter().all(|&slot| header[slot] == SLOT_VERSION);
    let doubtful = known && god_byte & TWO_PHASE != 0 && transaction(1 - primary) > transaction(primary);
    doubtful.then_some(god_byte & !TWO_PHASE)
}
