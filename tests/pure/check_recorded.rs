//! Recorded histories, a file each: those of right banks, however unusual, and those that no right bank
//! can have, each with what accuses it. Most wrong ones have a right one of their name: the nearest history
//! that a right bank can have.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use replibank::check::{
    AnomalyKind::{
        self, Conservation, Contradiction, CountedTwice, ImpossibleRead, LostWrite, Misplaced, OutOfBounds,
        RefusedYetDone, WentBack,
    },
    History, Verdict, check,
};

/// Every wrong history, and the kinds of anomalies that it shows.
const WRONG: [(&str, &[AnomalyKind]); 79] = [
    ("account_committed_that_is_not_there", &[Contradiction]),
    ("account_missing_at_every_end", &[Conservation]),
    ("account_more_at_the_end", &[Conservation]),
    ("account_without_funds_that_is_not_there", &[ImpossibleRead]),
    ("account_written_that_is_not_there", &[ImpossibleRead]),
    ("answer_another_account_unknown", &[Contradiction]),
    ("answer_another_concern_not_reached", &[Contradiction]),
    ("answer_concern_needs_another_number", &[Contradiction]),
    ("answer_concern_reached_and_refused", &[Contradiction]),
    ("answer_concern_reached_by_nobody", &[Contradiction]),
    ("answer_limit_of_a_total_out_of_nothing", &[Contradiction]),
    ("answer_limit_that_is_not_passed", &[Contradiction]),
    ("answer_one_branch_alone_overdraws", &[Conservation]),
    ("answer_query_refused_for_lack_of_funds", &[Contradiction]),
    ("answer_refused_for_another_amount", &[Contradiction]),
    ("answer_refused_for_other_funds", &[ImpossibleRead]),
    ("answer_refused_though_covered", &[Contradiction]),
    ("answer_right_amount_called_wrong", &[Contradiction]),
    ("answer_version_not_reached_though_shown", &[Contradiction]),
    ("answer_withdrawal_leaves_less_than_nothing", &[Contradiction, ImpossibleRead]),
    ("bounds_opening", &[OutOfBounds]),
    ("bounds_sum_wraps_below", &[OutOfBounds, ImpossibleRead]),
    ("bounds_total_of_a_page", &[OutOfBounds]),
    ("floor_after_a_retry_that_all_have", &[ImpossibleRead]),
    ("floor_at_the_end_of_what_was_shown", &[WentBack]),
    ("floor_named_out_of_nothing", &[ImpossibleRead]),
    ("floor_of_a_balance_that_a_withdrawal_was_refused_for", &[ImpossibleRead]),
    ("floor_of_a_balance_that_a_write_was_told", &[ImpossibleRead]),
    ("floor_of_two_pages", &[ImpossibleRead]),
    ("floor_where_two_pages_explain_it", &[ImpossibleRead]),
    ("name_both_in_conflict", &[Contradiction]),
    ("name_committed_somewhere_then_refused", &[RefusedYetDone]),
    ("name_done_then_refused", &[RefusedYetDone]),
    ("name_in_conflict_at_another_branch", &[Contradiction]),
    ("name_in_conflict_with_itself", &[Contradiction]),
    ("name_in_conflict_with_what_came_later", &[Contradiction]),
    ("name_in_conflict_yet_done", &[Conservation]),
    ("name_of_another_in_conflict", &[Contradiction]),
    ("name_refused_in_two_ways", &[Contradiction]),
    ("name_refused_then_read", &[ImpossibleRead]),
    ("name_two_balances_of_one_place", &[Contradiction, ImpossibleRead]),
    ("name_two_operations_done", &[CountedTwice]),
    ("place_after_what_nobody_asked", &[ImpossibleRead]),
    ("place_after_what_was_refused", &[ImpossibleRead]),
    ("place_before_the_first", &[Misplaced, WentBack]),
    ("place_in_a_life_that_ended_with_its_data", &[Misplaced]),
    ("place_of_a_later_write_on_an_ended_page", &[ImpossibleRead]),
    ("place_of_one_unknown_in_two_lives", &[Conservation]),
    ("place_of_one_unknown_in_two_lives_by_two_answers", &[ImpossibleRead]),
    ("place_of_two_writes", &[LostWrite]),
    ("place_on_the_page_of_another_branch", &[Misplaced]),
    ("w01_single_branch_overdraft", &[Conservation, Contradiction, ImpossibleRead]),
    ("w02_same_branch_overdraft", &[Conservation, Contradiction, ImpossibleRead]),
    ("w04_deposit_refused_for_lack_of_funds", &[Contradiction]),
    ("w05_branch_goes_back_same_client", &[ImpossibleRead]),
    ("w06_branch_goes_back_with_versions", &[WentBack]),
    ("w07_own_write_not_read", &[ImpossibleRead]),
    ("w09_sequence_out_of_nothing", &[ImpossibleRead]),
    ("w10_refused_definitely_then_counted", &[RefusedYetDone]),
    ("w11_unknown_then_refused_definitely_yet_counted", &[Conservation]),
    ("w13_account_appears", &[ImpossibleRead]),
    ("w15_final_lacks_an_account", &[Conservation]),
    ("w17_unknown_account_refused_though_it_exists", &[Contradiction]),
    ("w18_conflict_without_another", &[Contradiction]),
    ("w20_old_life_writes_on", &[Misplaced]),
    ("w21_lost_acknowledged_withdrawal", &[LostWrite]),
    ("w23_duplicate", &[Conservation]),
    ("w24_stale_beyond_at_least", &[ImpossibleRead]),
    ("w25_from_the_future", &[ImpossibleRead]),
    ("w26_all_ack_not_read_elsewhere", &[ImpossibleRead]),
    ("w27_majority_of_two_is_all", &[ImpossibleRead]),
    ("w29_account_cut", &[ImpossibleRead]),
    ("w34_concern_reached_more_than_needed", &[Contradiction]),
    ("w35_session_moves_back_across_branches", &[ImpossibleRead]),
    ("w37_sum_overflows", &[Conservation, OutOfBounds, ImpossibleRead]),
    ("w39_kept_restart_loses", &[LostWrite, ImpossibleRead]),
    ("w42_unknown_counted_twice", &[Conservation]),
    ("w44_goes_back_other_account", &[ImpossibleRead]),
    ("w45_version_and_balance_of_two_moments", &[ImpossibleRead]),
];

/// What the checkers say of each history of a folder, by its name.
fn verdicts(folder: &str) -> BTreeMap<String, Verdict> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/histories").join(folder);
    let judge = |entry: std::io::Result<fs::DirEntry>| {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let text = fs::read_to_string(&path).unwrap();
        let history = History::parse(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(History::parse(&history.to_jsonl()).as_ref(), Ok(&history), "{name} is read as it is written");
        (name, check(&history))
    };
    fs::read_dir(folder).unwrap().map(judge).collect()
}

fn kinds(verdict: &Verdict) -> Vec<AnomalyKind> {
    let kinds: BTreeSet<AnomalyKind> = verdict.anomalies.iter().map(|anomaly| anomaly.kind).collect();
    kinds.into_iter().filter(|&kind| kind != AnomalyKind::Overdraft).collect()
}

#[test]
fn no_right_history_is_accused() {
    let right = verdicts("right");
    assert!(right.len() >= 70, "{} are there", right.len());
    for (name, verdict) in right {
        assert!(!verdict.is_broken(), "{name}: {verdict}");
    }
}

#[test]
fn every_wrong_history_is_accused_of_what_is_wrong_with_it() {
    let found = verdicts("wrong");
    let found: Vec<_> = found.iter().map(|(name, verdict)| (name.as_str(), kinds(verdict))).collect();
    let expected: Vec<_> = WRONG.iter().map(|&(name, kinds)| (name, kinds.to_vec())).collect();
    assert_eq!(found, expected);
    assert!(WRONG.iter().all(|(_, kinds)| !kinds.is_empty()));
}
