//! Faults of a trace: which rows make one, and how it is named.

use replibank::{
    trace::{Span, Trace},
    types::Word,
};

const HEADER: &str =
    r#"{"trace":{"branches":[1,2,3,4,5,6,7,8,9],"accounts":{"0":400},"links":LINKS,"lost":0,"source":"bank"}}"#;
const CHAIN: &str = "[[1,2],[2,3],[3,4],[4,5],[5,6],[6,7],[7,8],[8,9]]";

/// The faults of rows (time, branch, event, what else the row says).
fn faults(rows: &[(u64, u32, &str, &str)]) -> Vec<Span> {
    let mut text = HEADER.replace("LINKS", CHAIN);
    for (clock, (time, branch, event, more)) in rows.iter().enumerate() {
        let clock = clock + 1;
        text += &format!(
            r#"{}{{"time_us":{time},"branch":{branch},"event":"{event}","clock":{clock},"ticks":1{more}}}"#,
            "\n"
        );
    }
    Trace::parse(&text).unwrap().faults()
}

fn told(spans: &[Span]) -> Vec<(&'static str, &str, u64, u64)> {
    spans.iter().map(|span| (span.kind.word(), span.text.as_str(), span.start.0, span.end.0)).collect()
}

#[test]
fn what_befalls_branches_together_is_one_fault() {
    let spans = faults(&[
        (0, 1, "paused", ""),
        (4_000, 2, "paused", ""),
        (60_000, 1, "resumed", ""),
        (65_000, 2, "resumed", ""),
        (70_000, 3, "paused", ""),
        (71_000, 4, "paused", ""),
        (72_000, 3, "resumed", ""),
        (73_000, 4, "resumed", ""),
    ]);
    let expected = [("paused", "1, 2", 0, 65_000), ("paused", "3", 70_000, 72_000), ("paused", "4", 71_000, 73_000)];
    assert_eq!(told(&spans), expected, "short ones are told apart by less");
    assert_eq!(
        spans[0].parts.iter().map(|part| (part.row, part.end_row)).collect::<Vec<_>>(),
        [(Some(0), Some(2)), (Some(1), Some(3))]
    );
}

#[test]
fn what_differs_in_its_details_or_does_not_end_is_another_fault() {
    let spans = faults(&[
        (0, 1, "slowed", r#","reason":"0.5 s later""#),
        (0, 2, "slowed", r#","reason":"2 s later""#),
        (0, 3, "slowed", r#","reason":"0.5 s later""#),
        (0, 4, "slowed", r#","reason":"0.5 s later""#),
        (90_000, 1, "unslowed", ""),
        (90_000, 2, "unslowed", ""),
        (90_000, 3, "unslowed", ""),
    ]);
    let expected = [("slow", "1, 3", 0, 90_000), ("slow", "2", 0, 90_000), ("slow", "4", 0, 90_000)];
    assert_eq!(told(&spans), expected);
    assert_eq!(spans.iter().filter(|span| !span.is_lifted).map(|span| span.text.as_str()).collect::<Vec<_>>(), ["4"]);
}

#[test]
fn a_partition_has_as_many_sides_as_hear_nothing_of_each_other() {
    let cut = |from: u32, to: u32| (0, from, "cut", format!(r#","peer":{to}"#));
    let pairs = [cut(3, 4), cut(4, 3), cut(7, 8), cut(8, 7)];
    let rows: Vec<_> =
        pairs.iter().map(|(time, branch, event, more)| (*time, *branch, *event, more.as_str())).collect();
    let spans = faults(&rows);
    assert_eq!(spans[0].text, "1-3 | 4-7 | 8, 9");
    assert_eq!(spans[0].sides.iter().map(std::collections::BTreeSet::len).collect::<Vec<_>>(), [3, 4, 2]);
    // The way back is open: nobody is parted.
    let spans = faults(&rows[..1]);
    assert_eq!((spans[0].text.as_str(), spans[0].sides.len()), ("3 → 4", 0));
}

#[test]
fn of_many_branches_the_first_few_are_named() {
    let rows: Vec<_> = (1..=9).step_by(2).map(|branch| (0, branch, "killed", "")).collect();
    assert_eq!(faults(&rows)[0].text, "1, 3, 5, 7, 9");
    let header = HEADER.replace("LINKS", "[]").replace("9]", "9,11,13,15]");
    let mut text = header;
    for (clock, branch) in (1..=15).step_by(2).enumerate() {
        let clock = clock + 1;
        text += &format!("\n{{\"time_us\":0,\"branch\":{branch},\"event\":\"killed\",\"clock\":{clock},\"ticks\":1}}");
    }
    assert_eq!(Trace::parse(&text).unwrap().faults()[0].text, "1, 3, 5, 7, … (8)");
    let all: Vec<_> = (1..=9).map(|branch| (0, branch, "killed", "")).collect();
    assert_eq!(faults(&all)[0].text, "all");
}
