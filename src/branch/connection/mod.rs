//! The connections of a branch: those that come in and those that it makes.

pub(in crate::branch) mod channels;
pub(in crate::branch) mod cork;
pub(in crate::branch) mod cut;
pub(in crate::branch) mod door;
pub(in crate::branch) mod nearby;
