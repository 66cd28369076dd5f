//! The conversation with a child process, as its parent has it: a question a line, an answer a line, in
//! the same order. A task owns the pipes, so that whoever stops waiting (Ctrl-C) leaves no half line
//! behind; and the end of the task is the end of the child's input.

use std::io;

use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    process::{ChildStdin, ChildStdout},
    sync::{mpsc, oneshot},
    task::JoinHandle,
};

/// Questions that may wait to be written.
const QUESTIONS_AHEAD: usize = 4;

/// The longest line that may be the last.
const LAST_WORDS_BYTES: usize = 1 << 16;

struct Question {
    line: String,
    answer: oneshot::Sender<String>,
}

/// Asks one child. Cheap to clone.
#[derive(Clone, Debug)]
pub(in crate::bank) struct Asker {
    questions: mpsc::Sender<Question>,
}

impl Asker {
    /// The child's answer to a line; `None` if it has ended, or ends before it answers.
    pub(in crate::bank) async fn ask(&self, line: String) -> Option<String> {
        let (answer, answered) = oneshot::channel();
        self.questions.send(Question { line, answer }).await.ok()?;
        answered.await.ok()
    }
}

/// The conversation with one child. Dropping it ends the child's input.
#[derive(Debug)]
pub(in crate::bank) struct Talk {
    asker: Asker,
    /// `None` once it has ended and was heard out.
    task: Option<JoinHandle<Option<String>>>,
}

impl Talk {
    pub(in crate::bank) fn begin(input: ChildStdin, output: ChildStdout) -> Self {
        let (questions, asked) = mpsc::channel(QUESTIONS_AHEAD);
        Self { asker: Asker { questions }, task: Some(tokio::spawn(converse(input, output, asked))) }
    }

    pub(in crate::bank) fn asker(&self) -> Asker {
        self.asker.clone()
    }

    /// The last line that the child said, unless it is a long one. Returns when it has ended.
    pub(in crate::bank) async fn last_words(&mut self) -> Option<String> {
        let ended = self.task.as_mut()?.await;
        self.task = None;
        ended.ok().flatten()
    }
}

impl Drop for Talk {
    fn drop(&mut self) {
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}

/// Until the child's output ends; returns its last line.
async fn converse(mut input: ChildStdin, output: ChildStdout, mut asked: mpsc::Receiver<Question>) -> Option<String> {
    let mut output = BufReader::new(output).lines();
    let mut waiting: Option<oneshot::Sender<String>> = None;
    let mut last = None;
    loop {
        tokio::select! {
            // While a question waits for its answer, the next one waits too: so neither pipe fills up.
            Some(Question { line, answer }) = asked.recv(), if waiting.is_none() => {
                // If the child has ended, its output ends too, and whoever waits hears of that.
                if say(&mut input, line).await.is_ok() {
                    waiting = Some(answer);
                }
            }
            line = output.next_line() => {
                let Ok(Some(line)) = line else { return last };
                last = (line.len() <= LAST_WORDS_BYTES).then(|| line.clone());
                if let Some(answer) = waiting.take() {
                    // Who asked may have gone.
                    let _ = answer.send(line);
                }
            }
        }
    }
}

async fn say(input: &mut ChildStdin, mut line: String) -> io::Result<()> {
    line.push('\n');
    input.write_all(line.as_bytes()).await
}
