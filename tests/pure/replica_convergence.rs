//! Whatever happens to messages and links, money is neither lost nor invented at any replica at any
//! time; and once the network heals, every replica has the same pages within a bounded time.

use proptest::prelude::*;

use crate::common::schedule::{assert_tries_agree, promised, schedule};

proptest! {
    #![proptest_config(ProptestConfig { cases: 4096, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn prop_a_healed_network_agrees_on_exactly_what_was_promised(schedule in schedule(120)) {
        let network = schedule.run();
        for replica in network.replicas.values() {
            prop_assert_eq!(replica.balances(), &promised(&network));
        }
        assert_tries_agree(&network);
        prop_assert_eq!(&network.faults, &[]);
    }
}
