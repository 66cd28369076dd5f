//! Refusals, with what each carries.

use super::{
    WireError,
    customer::{concern, terms},
    proto,
};
use crate::types::{AccountId, Amount, Refusal, RequestId};

impl From<&Refusal> for proto::Refusal {
    fn from(refusal: &Refusal) -> Self {
        use proto::RefusalCode as Code;
        let blank = Self { definite: refusal.is_definite(), message: refusal.to_string(), ..Self::default() };
        let with = |code: Code| Self { code: code.into(), ..blank.clone() };
        match *refusal {
            Refusal::InvalidAmount { requested } => Self { requested, ..with(Code::InvalidAmount) },
            Refusal::UnknownAccount { account } => Self { account: account.0, ..with(Code::UnknownAccount) },
            Refusal::InsufficientFunds { available, requested } => {
                Self { available, requested: requested.value(), ..with(Code::InsufficientFunds) }
            }
            Refusal::TotalLimit { total, requested } => {
                Self { available: total as i64, requested: requested.value(), ..with(Code::TotalLimit) }
            }
            Refusal::RequestConflict { .. } => with(Code::RequestConflict),
            Refusal::RequestExpired { .. } => with(Code::RequestExpired),
            Refusal::Overloaded { limit } => Self { requested: limit as u64, ..with(Code::Overloaded) },
            Refusal::VersionNotReached => with(Code::VersionNotReached),
            Refusal::VersionLost { origin, most } => {
                Self { left: Some((origin, most).into()), ..with(Code::VersionLost) }
            }
            Refusal::ConcernNotReached { concern: asked, reached, needed } => Self {
                concern: concern(asked).into(),
                reached: reached as u32,
                needed: needed as u32,
                ..with(Code::ConcernNotReached)
            },
        }
    }
}

impl proto::Refusal {
    /// The refusal of `request`.
    pub(super) fn read(&self, request: RequestId) -> Result<Refusal, WireError> {
        use proto::RefusalCode as Code;
        let requested = || Amount::new(self.requested).map_err(|error| WireError::new("requested", error.to_string()));
        Ok(match Code::try_from(self.code) {
            Ok(Code::InvalidAmount) => Refusal::InvalidAmount { requested: self.requested },
            Ok(Code::UnknownAccount) => Refusal::UnknownAccount { account: AccountId(self.account) },
            Ok(Code::InsufficientFunds) => {
                Refusal::InsufficientFunds { available: self.available, requested: requested()? }
            }
            Ok(Code::TotalLimit) => {
                Refusal::TotalLimit { total: self.available.unsigned_abs(), requested: requested()? }
            }
            Ok(Code::RequestConflict) => Refusal::RequestConflict { request },
            Ok(Code::RequestExpired) => Refusal::RequestExpired { request },
            Ok(Code::Overloaded) => Refusal::Overloaded { limit: self.requested as usize },
            Ok(Code::VersionNotReached) => Refusal::VersionNotReached,
            Ok(Code::VersionLost) => {
                let (origin, most) = self.left.as_ref().ok_or_else(|| WireError::missing("left"))?.try_into()?;
                Refusal::VersionLost { origin, most }
            }
            Ok(Code::ConcernNotReached) => Refusal::ConcernNotReached {
                concern: terms(self.concern, &None, 0, None)?.concern,
                reached: self.reached as usize,
                needed: self.needed as usize,
            },
            Ok(Code::Unspecified) | Err(_) => {
                return Err(WireError::new("code", format!("is {}, which this customer does not know", self.code)));
            }
        })
    }
}
