//! Holds a child process still, and lets it go on: at a word, or when the parent ends, however that
//! ends. A child that is stopped cannot notice that its input has ended, so somebody else must. That is
//! a shell, which runs as long as the child is held.

use std::{process::Stdio, time::Duration};

use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child as Process, ChildStdin, Command},
    time::timeout,
};

use crate::{bank::error::BankError, types::BranchId};

/// How long a process may take to do as it is told: to end, or to hold another.
pub(in crate::bank) const END_WITHIN: Duration = Duration::from_secs(3);

/// Stops the process, says so, and continues it when its input ends.
const HOLD: &str = r#"kill -STOP "$0" && echo held; read -r _; kill -CONT "$0""#;

/// Whoever holds one child. Dropping it lets the child go on, a moment later.
#[derive(Debug)]
pub(in crate::bank) struct Warden {
    branch: BranchId,
    shell: Process,
    input: ChildStdin,
}

impl Warden {
    /// Returns when the process has been told to stop, which takes it a moment at most.
    pub(in crate::bank) async fn hold(branch: BranchId, process_id: u32) -> Result<Self, BankError> {
        let failed = |reason: String| BankError::Process { branch, reason: format!("it cannot be paused: {reason}") };
        let mut shell = Command::new("sh")
            .args(["-c", HOLD, &process_id.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            // A Ctrl-C on the terminal is for the parent.
            .process_group(0)
            .spawn()
            .map_err(|error| failed(error.to_string()))?;
        let (Some(input), Some(output)) = (shell.stdin.take(), shell.stdout.take()) else {
            return Err(failed("the shell's pipes are missing".to_owned()));
        };
        let said = timeout(END_WITHIN, BufReader::new(output).lines().next_line()).await;
        match said {
            Ok(Ok(Some(_))) => Ok(Self { branch, shell, input }),
            Ok(Ok(None) | Err(_)) => Err(failed("its process has ended".to_owned())),
            Err(_) => Err(failed("the shell did not answer".to_owned())),
        }
    }

    /// Returns when the process goes on.
    pub(in crate::bank) async fn release(self) -> Result<(), BankError> {
        let Self { branch, mut shell, input } = self;
        drop(input);
        let failed = |reason: &str| BankError::Process { branch, reason: format!("it cannot go on: {reason}") };
        match timeout(END_WITHIN, shell.wait()).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(failed(&error.to_string())),
            Err(_) => Err(failed("the shell that holds it did not end")),
        }
    }
}
