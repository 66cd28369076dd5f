//! What a branch and its peers tell each other, and what becomes of it.

pub(in crate::branch) mod calls;
pub(in crate::branch) mod complaints;
pub(in crate::branch) mod handover;
pub(in crate::branch) mod link;
