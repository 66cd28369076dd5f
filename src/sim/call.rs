//! A call from one branch to another: who makes it, what it says, and how it ends.

use super::place::NodeIndex;
use crate::{
    replica::Call,
    types::{BranchId, Incarnation, Origin},
};

/// How a replica's greeting is answered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Known {
    /// We have never called: take it that the peer has nothing.
    Nothing,
    /// The same, but the peer must look at what we have: it may think that it told us everything.
    TellThatWeAreBack,
    /// Ask the peer for its version.
    Ask,
}

/// One peer of a process that calls.
#[derive(Debug)]
pub(super) struct Caller {
    pub(super) known: Known,
    /// Whether the replica takes the link for up.
    pub(super) is_up: bool,
    /// The life of the peer that has answered since.
    pub(super) peer_life: Option<Incarnation>,
    pub(super) is_under_way: bool,
    /// Counts its calls, so that the end of one that is over is not taken for another's.
    pub(super) number: u64,
    /// How many have failed since the last that did not.
    pub(super) failures: u32,
}

/// What a call says.
#[derive(Clone, Debug)]
pub(super) enum Said {
    /// "Are you there?" Before the word that we are back.
    WhoAreYou,
    /// "I am back." The peer had this.
    IAmBack(Vec<(Origin, u64)>),
    /// "What do you have?"
    WhatDoYouHave,
    Tell(Call),
}

/// A call on its way.
#[derive(Debug)]
pub(super) struct Calling {
    pub(super) from: NodeIndex,
    pub(super) to: NodeIndex,
    /// The life that it goes to: another one hears nothing of it.
    pub(super) to_life: u64,
    pub(super) said: Said,
    pub(super) back: CallEnd,
}

/// How a call ends, on its way back.
#[derive(Clone, Debug)]
pub(super) struct CallEnd {
    pub(super) node: NodeIndex,
    pub(super) life: u64,
    pub(super) peer: BranchId,
    pub(super) number: u64,
    /// What the peer has; `None`: no answer.
    pub(super) answer: Option<Vec<(Origin, u64)>>,
    /// In which life it answers.
    pub(super) by: Option<Incarnation>,
    /// What was said: the number of a call, 0 for a greeting; `None`: before the word that we are back.
    pub(super) to: Option<u64>,
}

/// An answer that waits for a save.
#[derive(Debug)]
pub(super) struct Owed {
    pub(super) save: u64,
    pub(super) end: CallEnd,
}
