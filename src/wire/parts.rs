//! Messages between branches that are too large for one piece: a page of a large bank. On a stream, they travel in
//! parts, and are joined whole; a call must take its page in one piece.

use prost::Message;

use super::{
    MAX_PEER_MESSAGE_BYTES, WireError,
    proto::{self, peer_message::Kind},
};

/// The most of a part. What is not much larger travels whole.
const PART_BYTES: usize = 1 << 20;

/// The most that one account of a page takes: four numbers, three of them of 48 bits, and what stands before them.
const ENTRY_BYTES: usize = 2 + 11 + 3 * 8;

/// The most pages with all accounts that one message has.
const PAGES: usize = 4;

/// The most accounts of a bank whose branches call each other: a page is one call.
pub const MAX_CALL_ACCOUNTS: usize = (MAX_PEER_MESSAGE_BYTES - PART_BYTES) / ENTRY_BYTES;

/// The largest message, in whatever parts, of a bank with so many accounts.
pub fn most_bytes(accounts: usize) -> usize {
    MAX_PEER_MESSAGE_BYTES + PAGES * ENTRY_BYTES * accounts
}

/// Cuts what is to be sent on a stream.
#[derive(Debug, Default)]
pub struct Cutter {
    bytes: Vec<u8>,
    /// How much has left.
    sent: usize,
}

impl Cutter {
    /// A message is to leave: the first piece of it, or all. There must be nothing left of another.
    pub fn begin(&mut self, message: proto::PeerMessage) -> proto::PeerMessage {
        let entries = match &message.kind {
            Some(Kind::Update(update)) => update.deltas.iter().map(|delta| delta.entries.len()).sum(),
            Some(Kind::Hello(_) | Kind::Greeting(_) | Kind::Acknowledgement(_) | Kind::Part(_)) | None => 0,
        };
        // Nobody measures what cannot be large.
        if entries * ENTRY_BYTES > PART_BYTES && message.encoded_len() > PART_BYTES {
            (self.bytes, self.sent) = (message.encode_to_vec(), 0);
        }
        self.next_part().unwrap_or(message)
    }

    /// Whether something is left.
    pub fn has_more(&self) -> bool {
        self.sent < self.bytes.len()
    }

    /// The next piece of what is left.
    pub fn next_part(&mut self) -> Option<proto::PeerMessage> {
        if !self.has_more() {
            return None;
        }
        let end = self.bytes.len().min(self.sent + PART_BYTES);
        let part = proto::Part { data: self.bytes[self.sent..end].to_vec(), is_last: end == self.bytes.len() };
        self.sent = end;
        if part.is_last {
            *self = Self::default();
        }
        Some(proto::PeerMessage { kind: Some(Kind::Part(part)), mark: None })
    }
}

/// Joins what comes on a stream.
#[derive(Debug)]
pub struct Joiner {
    bytes: Vec<u8>,
    most: usize,
}

impl Joiner {
    /// For messages of at most so many bytes: see [`most_bytes`].
    pub fn new(most: usize) -> Self {
        Self { bytes: Vec::new(), most }
    }

    /// Takes a piece; a message, once it is whole.
    ///
    /// # Errors
    /// [`WireError`] if the parts cannot be of one message of this bank.
    pub fn take(&mut self, message: proto::PeerMessage) -> Result<Option<proto::PeerMessage>, WireError> {
        let Some(Kind::Part(part)) = message.kind else {
            if self.bytes.is_empty() {
                return Ok(Some(message));
            }
            return Err(WireError::new("kind", "comes between the parts of another message"));
        };
        if part.data.is_empty() {
            return Err(WireError::new("part", "is empty"));
        }
        if part.data.len() > self.most - self.bytes.len() {
            return Err(WireError::new("part", format!("is beyond the {} bytes of this bank's messages", self.most)));
        }
        self.bytes.extend(part.data);
        if !part.is_last {
            return Ok(None);
        }
        let bytes = std::mem::take(&mut self.bytes);
        let whole = proto::PeerMessage::decode(bytes.as_slice());
        whole.map(Some).map_err(|error| WireError::new("part", format!("is the last of no message: {error}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn update(entries: u64) -> proto::PeerMessage {
        let most = (1 << 48) - 1;
        let entry = |it| proto::Entry { account: u64::MAX - it, sequence: most, deposited: most, withdrawn: most };
        let delta = proto::Delta { origin: 1, entries: (0..entries).map(entry).collect(), ..Default::default() };
        let update = proto::Update { number: 1, deltas: vec![delta], ..Default::default() };
        proto::PeerMessage { kind: Some(Kind::Update(update)), mark: None }
    }

    fn pieces(message: proto::PeerMessage) -> Vec<proto::PeerMessage> {
        let mut cutter = Cutter::default();
        let mut pieces = vec![cutter.begin(message)];
        pieces.extend(std::iter::from_fn(|| cutter.next_part()));
        pieces
    }

    #[test]
    fn what_is_cut_is_joined_whole() {
        for (entries, count) in [(0, 1), (1_000, 1), (28_000, 1), (100_000, 4)] {
            let message = update(entries);
            let pieces = pieces(message.clone());
            assert_eq!(pieces.len(), count, "{entries} entries");
            assert!(pieces.iter().all(|piece| piece.encoded_len() <= PART_BYTES + 64));
            assert!(message.encoded_len() <= entries as usize * ENTRY_BYTES + 64);
            let mut joiner = Joiner::new(message.encoded_len());
            let joined: Vec<_> = pieces.into_iter().filter_map(|piece| joiner.take(piece).unwrap()).collect();
            assert_eq!(joined, [message]);
        }
    }

    #[test]
    fn parts_of_no_message_are_refused() {
        let pieces = pieces(update(100_000));
        let size: usize = update(100_000).encoded_len();
        let part = |data: &[u8], is_last| proto::PeerMessage {
            kind: Some(Kind::Part(proto::Part { data: data.to_vec(), is_last })),
            mark: None,
        };
        let refused = |most, wrong: Vec<proto::PeerMessage>| {
            let mut joiner = Joiner::new(most);
            wrong.into_iter().find_map(|piece| joiner.take(piece).err()).map(|error| error.reason)
        };
        let said = |most, wrong| refused(most, wrong).unwrap_or_default();
        assert!(said(size - 1, pieces.clone()).contains("beyond the"));
        assert!(said(size, vec![pieces[0].clone(), update(1)]).contains("between the parts"));
        assert!(said(size, vec![part(b"", false)]).contains("empty"));
        assert!(said(size, vec![part(b"\xff\xff", true)]).contains("no message"));
        assert_eq!(refused(size, pieces), None);
    }
}
