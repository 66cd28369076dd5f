//! Grades an output of project 1. Sound: it passes exactly the outputs that hold every right value
//! and nothing else, whatever their blanks and their order of keys.

use super::{
    array::{ReadError, each_element},
    document::DocumentError,
    json::{Json, Keys, Object, sketch},
    model::{CustomerRecord, Event, Scenario},
    output::{OutputForm, Scalar, fields},
    problem::{ProblemKind, ProblemPlace, Problems},
    replay::expected,
    reply::Reply,
    sketch::{listed, quoted},
};

/// How far to look for the entry that belongs here when some are missing or too many.
const LOOKAHEAD: usize = 64;

/// Whether `output` is the right answer to `scenario`. Without a form, each reply may have either.
///
/// # Errors
/// [`Problems`]: what is wrong, in the order of the output.
///
/// # Example
/// ```
/// use replibank::scenario::{Order, Scenario, check};
///
/// let input = br#"[{"id": 1, "type": "branch", "balance": 400},
///                  {"id": 1, "type": "customer", "events": [{"interface": "query"}]}]"#;
/// let scenario = Scenario::parse(input, Order::File)?;
/// let output = br#"[{"id": 1, "recv": [{"interface": "query", "balance": 440}]}]"#;
/// let problems = check(&scenario, output, None).unwrap_err();
/// assert_eq!(problems.to_string(), "entry 1 (customer 1), event 1: balance is 440: 400 is right");
/// # Ok::<(), replibank::scenario::InputError>(())
/// ```
pub fn check(scenario: &Scenario, output: &[u8], form: Option<OutputForm>) -> Result<(), Problems> {
    let mut problems = Problems::default();
    let records: Vec<Right<'_>> = scenario
        .customers
        .iter()
        .zip(expected(scenario))
        .enumerate()
        .map(|(index, (customer, replies))| Right { record: index + 1, customer, replies })
        .collect();
    match entries(output, records.len() + LOOKAHEAD) {
        Err(error) => problems.add(ProblemPlace::File, ProblemKind::Document(error)),
        Ok((entries, uncounted)) => {
            for pair in aligned(&records, &entries) {
                match pair {
                    Pair::Both(right, entry) => Grader { right, form, problems: &mut problems }.entry(entry),
                    Pair::Missing(right) => problems.add(right.place(None), ProblemKind::MissingEntry),
                    Pair::Extra(entry, found) => problems.add(
                        ProblemPlace::Surplus { entry },
                        ProblemKind::ExtraEntry { found: sketch(found), right: records.len() },
                    ),
                }
            }
            problems.unlisted += uncounted;
        }
    }
    if problems.count() == 0 { Ok(()) } else { Err(problems) }
}

/// The first `limit` entries, and how many there are beyond them.
fn entries(output: &[u8], limit: usize) -> Result<(Vec<Json<'_>>, usize), DocumentError> {
    let (mut entries, mut beyond) = (Vec::new(), 0);
    let read = each_element(output, Keys::Exact, |entry| {
        if entries.len() < limit {
            entries.push(entry)
        } else {
            beyond += 1
        }
        Ok::<(), DocumentError>(())
    });
    match read {
        Ok(()) => Ok((entries, beyond)),
        Err(ReadError::Document(error) | ReadError::Element(error)) => Err(error),
    }
}

/// One customer record and the right replies to it.
struct Right<'s> {
    record: usize,
    customer: &'s CustomerRecord,
    replies: Vec<Reply>,
}

impl Right<'_> {
    fn place(&self, event: Option<usize>) -> ProblemPlace {
        ProblemPlace::Record { record: self.record, customer: self.customer.id, event }
    }

    fn is_answered_by(&self, entry: &Json<'_>) -> bool {
        let Json::Object(entry) = entry else { return false };
        entry.value("id").and_then(Json::natural) == Some(self.customer.id)
    }
}

enum Pair<'r, 's, 'j> {
    Both(&'r Right<'s>, &'j Json<'j>),
    Missing(&'r Right<'s>),
    Extra(usize, &'j Json<'j>),
}

/// Lays the entries beside the records. They belong together by position; only when the numbers
/// differ, the ids tell which are missing or too many.
fn aligned<'r, 's, 'j>(records: &'r [Right<'s>], entries: &'j [Json<'j>]) -> Vec<Pair<'r, 's, 'j>> {
    let mut missing = records.len().saturating_sub(entries.len()).min(LOOKAHEAD);
    let mut extra = entries.len().saturating_sub(records.len()).min(LOOKAHEAD);
    let (mut record, mut entry) = (0, 0);
    let mut pairs = Vec::with_capacity(records.len().max(entries.len()));
    while let (Some(right), Some(found)) = (records.get(record), entries.get(entry)) {
        if !right.is_answered_by(found) {
            let skip = (1..=missing).find(|ahead| records.get(record + ahead).is_some_and(|r| r.is_answered_by(found)));
            if let Some(skip) = skip {
                pairs.extend(records[record..record + skip].iter().map(Pair::Missing));
                (record, missing) = (record + skip, missing - skip);
                continue;
            }
            let skip = (1..=extra).find(|ahead| entries.get(entry + ahead).is_some_and(|e| right.is_answered_by(e)));
            if let Some(skip) = skip {
                pairs.extend((entry..entry + skip).map(|index| Pair::Extra(index + 1, &entries[index])));
                (entry, extra) = (entry + skip, extra - skip);
                continue;
            }
        }
        pairs.push(Pair::Both(right, found));
        (record, entry) = (record + 1, entry + 1);
    }
    pairs.extend(records[record..].iter().map(Pair::Missing));
    pairs.extend((entry..entries.len()).map(|index| Pair::Extra(index + 1, &entries[index])));
    pairs
}

/// One record's entry under judgement.
struct Grader<'g, 's> {
    right: &'g Right<'s>,
    form: Option<OutputForm>,
    problems: &'g mut Problems,
}

impl Grader<'_, '_> {
    fn entry(&mut self, entry: &Json<'_>) {
        let customer = self.right.customer;
        let Json::Object(entry) = entry else {
            return self
                .add(None, ProblemKind::WrongType { found: sketch(entry), right: "an object with id and recv" });
        };
        match entry.value("id") {
            None => self.missing(None, entry, format!("\"id\": {}", customer.id)),
            Some(id) if id.natural() == Some(customer.id) => {}
            Some(id) => self.wrong(None, "id", id, &customer.id.to_string()),
        }
        self.only(None, entry, &["id", "recv"]);
        match entry.value("recv") {
            None => self.missing(None, entry, "\"recv\": [...]".to_owned()),
            Some(Json::Array(replies)) => self.replies(replies),
            Some(other) => self.wrong(None, "recv", other, "an array of replies"),
        }
    }

    fn replies(&mut self, found: &[Json<'_>]) {
        let Right { customer, replies, .. } = self.right;
        for (index, (event, &reply)) in customer.events.iter().zip(replies).enumerate() {
            match found.get(index) {
                Some(found) => self.reply(index + 1, event, reply, found),
                None => {
                    let right = fields(event, reply, self.form.unwrap_or_default());
                    let right: Vec<String> = right.iter().map(|(key, value)| format!("\"{key}\": {value}")).collect();
                    let right = format!("{{{}}}", right.join(", "));
                    self.add(Some(index + 1), ProblemKind::MissingReply { right });
                }
            }
        }
        for (index, found) in found.iter().enumerate().skip(replies.len()) {
            self.add(Some(index + 1), ProblemKind::ExtraReply { found: sketch(found), right: replies.len() });
        }
    }

    fn reply(&mut self, number: usize, event: &Event, reply: Reply, found: &Json<'_>) {
        let number = Some(number);
        let Json::Object(found) = found else {
            return self.add(number, ProblemKind::WrongType { found: sketch(found), right: "an object" });
        };
        let looks_old = found.value("money").is_some() && found.value("balance").is_none();
        let form = self.form.unwrap_or(if looks_old { OutputForm::Old } else { OutputForm::Current });
        let right = fields(event, reply, form);
        for &(field, right) in &right {
            match found.value(field) {
                None => self.missing(number, found, format!("\"{field}\": {right}")),
                Some(value) if equal(value, right) => continue,
                Some(value) => self.wrong(number, field, value, &right.to_string()),
            }
            // The reply to another interface has other keys: to list them all helps nobody.
            if field == "interface" {
                return;
            }
        }
        let keys: Vec<&str> = right.iter().map(|&(field, _)| field).collect();
        self.only(number, found, &keys);
    }

    fn only(&mut self, event: Option<usize>, object: &Object<'_>, keys: &[&str]) {
        for (key, value) in object.entries().filter(|(key, _)| !keys.contains(key)) {
            let found = format!("{}: {}", quoted(key), sketch(value));
            self.add(event, ProblemKind::ExtraField { found });
        }
    }

    fn missing(&mut self, event: Option<usize>, object: &Object<'_>, right: String) {
        self.add(event, ProblemKind::MissingField { right, found: listed(object.keys().map(quoted)) });
    }

    fn wrong(&mut self, event: Option<usize>, field: &'static str, found: &Json<'_>, right: &str) {
        self.add(event, ProblemKind::WrongValue { field, found: sketch(found), right: right.to_owned() });
    }

    fn add(&mut self, event: Option<usize>, kind: ProblemKind) {
        self.problems.add(self.right.place(event), kind);
    }
}

fn equal(found: &Json<'_>, right: Scalar) -> bool {
    match right {
        Scalar::Text(right) => found.text() == Some(right),
        Scalar::Number(right) => found.whole() == Some(right),
    }
}
