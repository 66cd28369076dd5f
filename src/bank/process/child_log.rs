//! What a child process says on its standard error: its log, and what it cries as it dies. It is always read,
//! so that no child waits for its parent's log, and handed on to that log line by line.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use log::Level;
use tokio::{
    io::{AsyncRead, AsyncReadExt},
    sync::mpsc,
    task::{JoinHandle, spawn_blocking},
};

use crate::types::BranchId;

/// The most of a line that is kept.
const LINE_BYTES: usize = 4096;

/// The lines that may wait for the parent's log; what comes meanwhile is counted.
const LINES_AHEAD: usize = 256;

/// The most that is remembered of what is no log, or an error.
const LAST_WORDS_BYTES: usize = 4096;

/// How a line of the child's log begins: its level, as Python names it, and a colon. What begins otherwise is
/// no log, as a traceback is none.
const LEVELS: [(&str, Level); 5] = [
    ("CRITICAL:", Level::Error),
    ("ERROR:", Level::Error),
    ("WARNING:", Level::Warn),
    ("INFO:", Level::Info),
    ("DEBUG:", Level::Debug),
];

/// One line of the child, as the parent's log is to have it.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Line {
    level: Level,
    text: String,
}

/// The standard error of one child.
#[derive(Debug)]
pub(in crate::bank) struct ChildLog {
    last_words: Arc<Mutex<VecDeque<u8>>>,
    /// Done when the child has closed its end, and the log has all of it.
    ended: JoinHandle<()>,
}

impl ChildLog {
    /// Reads until the child closes its end, which a dead one has.
    pub(in crate::bank) fn follow(branch: BranchId, errors: impl AsyncRead + Unpin + Send + 'static) -> Self {
        let last_words = Arc::default();
        let (lines, to_log) = mpsc::channel(LINES_AHEAD);
        tokio::spawn(read(branch, errors, Arc::clone(&last_words), lines));
        Self { last_words, ended: tokio::spawn(hand_on(to_log)) }
    }

    /// Returns when the child has said its last, and the parent's log has it.
    pub(in crate::bank) async fn ended(&mut self) {
        if !self.ended.is_finished() {
            // It ends with its runtime, too.
            let _ = (&mut self.ended).await;
        }
    }

    /// What the child has said that was no log, or an error: the end of it.
    pub(in crate::bank) fn last_words(&self) -> String {
        let words: Vec<u8> = lock(&self.last_words).iter().copied().collect();
        String::from_utf8_lossy(&words).trim().to_owned()
    }
}

fn lock(words: &Mutex<VecDeque<u8>>) -> MutexGuard<'_, VecDeque<u8>> {
    words.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn read(
    branch: BranchId,
    mut errors: impl AsyncRead + Unpin,
    last_words: Arc<Mutex<VecDeque<u8>>>,
    lines: mpsc::Sender<Line>,
) {
    let mut cutter = Cutter::default();
    let mut unsaid = 0_u64;
    let mut bytes = vec![0; 2 * LINE_BYTES];
    loop {
        // A pipe that cannot be read has as little to say as one that has ended.
        let count = errors.read(&mut bytes).await.unwrap_or(0);
        for line in if count > 0 { cutter.cut(&bytes[..count]) } else { cutter.rest().into_iter().collect() } {
            let line = understand(branch, &line, &mut lock(&last_words));
            if unsaid > 0 && lines.try_send(unsaid_lines(branch, unsaid)).is_ok() {
                unsaid = 0;
            }
            unsaid += u64::from(lines.try_send(line).is_err());
        }
        if count == 0 {
            break;
        }
    }
    if unsaid > 0 {
        // Nothing has to be read any more. If nobody logs, the process is about to end.
        let _ = lines.send(unsaid_lines(branch, unsaid)).await;
    }
}

fn unsaid_lines(branch: BranchId, count: u64) -> Line {
    Line { level: Level::Warn, text: format!("branch {branch}: {count} more lines of its process were not logged") }
}

/// What a line is to its parent. What is no log, or an error, joins the last words.
fn understand(branch: BranchId, line: &[u8], last_words: &mut VecDeque<u8>) -> Line {
    let text = String::from_utf8_lossy(line);
    let known = LEVELS.iter().find_map(|&(name, level)| Some((level, text.strip_prefix(name)?)));
    let (level, said) = known.unwrap_or((Level::Warn, &text));
    if known.is_none_or(|(level, _)| level == Level::Error) {
        last_words.extend(said.bytes().chain([b'\n']));
        let excess = last_words.len().saturating_sub(LAST_WORDS_BYTES);
        last_words.drain(..excess);
    }
    // A branch's own lines name it.
    let name = format!("branch {branch}");
    let text = if said.starts_with(&name) { said.to_owned() } else { format!("{name}: {said}") };
    Line { level, text }
}

/// Logs, where nobody else waits: a log may be slow, and Python's needs the interpreter.
async fn hand_on(mut lines: mpsc::Receiver<Line>) {
    let mut some = Vec::new();
    while lines.recv_many(&mut some, LINES_AHEAD).await > 0 {
        let logged = std::mem::take(&mut some);
        let log = move || logged.iter().for_each(|line| log::log!(line.level, "{}", line.text));
        if spawn_blocking(log).await.is_err() {
            // The runtime is about to end.
            return;
        }
    }
}

/// Cuts bytes into lines of a bounded length.
#[derive(Debug, Default)]
struct Cutter {
    line: Vec<u8>,
    /// How much of the line was not kept.
    left_out: usize,
}

impl Cutter {
    /// The lines that end in these bytes.
    fn cut(&mut self, bytes: &[u8]) -> Vec<Vec<u8>> {
        let mut lines = Vec::new();
        let mut parts = bytes.split(|&byte| byte == b'\n').peekable();
        while let Some(part) = parts.next() {
            let kept = part.len().min(LINE_BYTES - self.line.len());
            self.line.extend(&part[..kept]);
            self.left_out += part.len() - kept;
            // What comes after the last line end goes on.
            if parts.peek().is_some() {
                lines.extend(self.rest());
            }
        }
        lines
    }

    /// What has come of a line that has no end yet, unless it is empty.
    fn rest(&mut self) -> Option<Vec<u8>> {
        let mut line = std::mem::take(&mut self.line);
        let left_out = std::mem::take(&mut self.left_out);
        if left_out > 0 {
            line.extend(format!(" ({left_out} bytes more)").bytes());
        }
        Some(line).filter(|line| !line.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn branch() -> BranchId {
        BranchId::new(3).unwrap()
    }

    #[test]
    fn lines_are_cut_wherever_they_come_apart_and_none_is_longer_than_its_bound() {
        let text = format!("one\n\n{}\nlast", "x".repeat(LINE_BYTES + 7));
        let whole = [b"one".to_vec(), format!("{} (7 bytes more)", "x".repeat(LINE_BYTES)).into(), b"last".to_vec()];
        for size in [1, 2, 5, LINE_BYTES, 2 * LINE_BYTES] {
            let mut cutter = Cutter::default();
            let mut lines: Vec<_> = text.as_bytes().chunks(size).flat_map(|bytes| cutter.cut(bytes)).collect();
            lines.extend(cutter.rest());
            assert_eq!(lines, whole, "in pieces of {size}");
        }
    }

    #[test]
    fn a_line_keeps_its_level_and_what_is_no_log_joins_the_last_words() {
        let mut words = VecDeque::new();
        let said = [
            ("WARNING:branch 3: link to 1 ended", Level::Warn, "branch 3: link to 1 ended"),
            ("ERROR:it stops", Level::Error, "branch 3: it stops"),
            ("Traceback: of some kind", Level::Warn, "branch 3: Traceback: of some kind"),
        ];
        for (line, level, text) in said {
            assert_eq!(understand(branch(), line.as_bytes(), &mut words), Line { level, text: text.to_owned() });
        }
        assert_eq!(Vec::from(words), b"it stops\nTraceback: of some kind\n");
    }

    #[tokio::test]
    async fn everything_is_read_whatever_the_log_does_and_the_last_words_stay() {
        let text = format!("{}the end", "WARNING:again\nno log\n".repeat(100_000));
        let (lines, nobody_logs) = mpsc::channel(1);
        let words = Arc::default();
        let reading = tokio::spawn(read(branch(), std::io::Cursor::new(text), Arc::clone(&words), lines));
        // Whoever reads has come to the end, and waits only to tell how much was not logged.
        while !lock(&words).iter().copied().collect::<Vec<_>>().ends_with(b"the end\n") {
            tokio::task::yield_now().await;
        }
        assert_eq!(lock(&words).len(), LAST_WORDS_BYTES);
        let mut logged = nobody_logs;
        assert_eq!(logged.recv().await.map(|line| line.text).as_deref(), Some("branch 3: again"));
        let unsaid = "branch 3: 200000 more lines of its process were not logged";
        assert_eq!(logged.recv().await.map(|line| line.text).as_deref(), Some(unsaid));
        reading.await.unwrap();
    }
}
