//! The files of the course's project 1: reads the input, writes the output, knows the right one and
//! grades any. Bytes in, bytes out: it never opens a file, and no bytes make it panic.
//!
//! ```
//! use replibank::scenario::{Order, OutputForm, Scenario, check, expected, output};
//!
//! let input = br#"[{"id": 1, "type": "customer", "events": [{"id": 1, "interface": "deposit", "money": 170},
//!                                                           {"id": 2, "interface": "query"}]},
//!                  {"id": 1, "type": "branch", "balance": 400}]"#;
//! let scenario = Scenario::parse(input, Order::File)?;
//! let written = output(&scenario, &expected(&scenario), OutputForm::Current)?;
//! assert!(written.ends_with("\"interface\": \"query\",\n    \"balance\": 570\n   }\n  ]\n }\n]"));
//! assert_eq!(check(&scenario, written.as_bytes(), None), Ok(()));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod array;
mod document;
mod error;
mod fields;
mod flaw;
mod grade;
mod input;
mod json;
mod model;
mod output;
mod problem;
mod record;
mod replay;
mod reply;
mod sketch;
mod syntax;

pub use document::{DocumentError, DocumentFlaw, MAX_INPUT_BYTES, Position};
pub use error::{InputError, RecordError, RecordKind, RecordPlace, RecordTitle};
pub use flaw::{NumberFlaw, NumberRange, RecordFlaw};
pub use grade::check;
pub use model::{Action, CustomerRecord, Event, Order, Scenario};
pub use output::{OutputForm, output};
pub use problem::{MAX_PROBLEMS, Problem, ProblemKind, ProblemPlace, Problems};
pub use replay::expected;
pub use reply::{RepliesError, Reply};
