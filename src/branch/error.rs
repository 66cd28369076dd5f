//! The one table of errors at the branch's border: what becomes which gRPC status.

use std::fmt;

use tonic::{Code, Status};

use crate::{
    replica::PeerOffence,
    store::StoreError,
    types::{BranchId, Incarnation},
    wire::WireError,
};

/// What can go wrong with a branch as a whole.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum BranchError {
    /// Its socket cannot be used.
    Listener {
        /// What the system said.
        reason: String,
    },
    /// Its data directory cannot be used, or its disk has failed.
    Store(StoreError),
    /// A part of it has panicked, and with it the whole: a bug.
    Panicked {
        /// What it was at.
        what: String,
        /// What the panic said.
        message: String,
    },
    /// Its peers do not take it for a branch of their bank, so nobody else would have what it writes.
    Refused {
        /// One of them.
        peer: BranchId,
        /// What that one said.
        reason: String,
    },
    /// Another process serves it, in a life that began later than its own.
    Superseded {
        /// That life.
        life: Incarnation,
    },
    /// It is stopping.
    Stopped,
}

impl fmt::Display for BranchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Listener { reason } => write!(f, "the socket cannot be used: {reason}"),
            Self::Store(error) => error.fmt(f),
            Self::Panicked { what, message } => write!(f, "a panic in {what}, a bug of replibank: {message}"),
            Self::Refused { peer, reason } => {
                write!(f, "no writes are taken until a peer accepts this branch: branch {peer} refuses it: {reason}")
            }
            Self::Superseded { life } => write!(
                f,
                "another process serves this branch, in life {}, which began later: this one serves nobody any more; \
                 run one process for each branch",
                life.0
            ),
            Self::Stopped => write!(f, "the branch is stopping"),
        }
    }
}

impl std::error::Error for BranchError {}

impl From<StoreError> for BranchError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<BranchError> for Status {
    fn from(error: BranchError) -> Self {
        match error {
            BranchError::Listener { .. } => Status::internal(error.to_string()),
            // A customer may try again under its request id: elsewhere, or here after a restart.
            BranchError::Stopped
            | BranchError::Superseded { .. }
            | BranchError::Store(_)
            | BranchError::Panicked { .. } => Status::unavailable(error.to_string()),
            // Nothing was done, and to try again is of no use before a person has looked.
            BranchError::Refused { .. } => Status::failed_precondition(error.to_string()),
        }
    }
}

impl From<WireError> for Status {
    fn from(error: WireError) -> Self {
        Status::invalid_argument(error.to_string())
    }
}

/// Why a branch ends a session of a link itself.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum SessionEnd {
    /// What the peer said cannot be.
    Faulty(PeerOffence),
    /// The peer, or somebody under its name, has begun another.
    Replaced,
    /// A fault keeps the branches apart.
    Cut,
    /// A fault has lost a message.
    Lost,
}

impl From<SessionEnd> for Status {
    fn from(end: SessionEnd) -> Self {
        match end {
            SessionEnd::Faulty(fault) => fault.into(),
            SessionEnd::Replaced => Status::aborted("another session of this link has begun"),
            SessionEnd::Cut => Status::unavailable("a fault on purpose keeps the two branches apart"),
            SessionEnd::Lost => Status::unavailable("a fault on purpose has lost a message"),
        }
    }
}

/// What does not go away by trying again is for a person to mend.
pub(super) fn level(status: &Status) -> log::Level {
    match status.code() {
        Code::Ok | Code::Cancelled | Code::Unknown | Code::DeadlineExceeded | Code::Aborted | Code::Unavailable => {
            log::Level::Info
        }
        Code::InvalidArgument
        | Code::NotFound
        | Code::AlreadyExists
        | Code::PermissionDenied
        | Code::ResourceExhausted
        | Code::FailedPrecondition
        | Code::OutOfRange
        | Code::Unimplemented
        | Code::Internal
        | Code::DataLoss
        | Code::Unauthenticated => log::Level::Warn,
    }
}

/// A status in one clause, with the cause that tonic keeps below it.
pub(super) fn describe(status: &Status) -> String {
    let mut text = status.message().to_owned();
    let mut source = std::error::Error::source(status);
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

impl From<PeerOffence> for Status {
    fn from(fault: PeerOffence) -> Self {
        let message = fault.to_string();
        match fault {
            PeerOffence::UnknownOrigin { .. } | PeerOffence::UnknownAccount { .. } | PeerOffence::Malformed { .. } => {
                Status::invalid_argument(message)
            }
            PeerOffence::ShrunkTotals { .. } | PeerOffence::TwoContents { .. } | PeerOffence::OwnPage { .. } => {
                Status::failed_precondition(message)
            }
            PeerOffence::TooManyOrigins { .. } => Status::resource_exhausted(message),
        }
    }
}
