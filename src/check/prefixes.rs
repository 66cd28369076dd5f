//! The sums of one account along one page: before its first write, after it, after the second, and so
//! on; and the least and the greatest sum of any stretch of them, without a look at each.

/// Built write by write, in the order of the page; [`Prefixes::seal`] comes last.
#[derive(Debug)]
pub(super) struct Prefixes {
    /// Each write's sequence.
    sequences: Vec<u64>,
    /// The sums: one more than there are writes, since the first is before them all.
    sums: Vec<i64>,
    /// A binary tree in a list: what a node covers, the two at twice its place cover together. The sums
    /// themselves are its last half.
    bounds: Vec<(i64, i64)>,
}

impl Prefixes {
    pub(super) fn new() -> Self {
        Self { sequences: Vec::new(), sums: vec![0], bounds: Vec::new() }
    }

    pub(super) fn push(&mut self, sequence: u64, effect: i64) {
        let last = self.sums.last().copied().unwrap_or(0);
        self.sequences.push(sequence);
        // No right page comes near the bounds of a sum.
        self.sums.push(last.saturating_add(effect));
    }

    pub(super) fn seal(&mut self) {
        let count = self.sums.len();
        self.bounds = vec![(0, 0); count];
        self.bounds.extend(self.sums.iter().map(|&sum| (sum, sum)));
        for node in (1..count).rev() {
            self.bounds[node] = both(self.bounds[2 * node], self.bounds[2 * node + 1]);
        }
    }

    /// How many of the writes are within the first `sequence` operations of the page.
    fn count(&self, sequence: u64) -> usize {
        // Where the page has no other account, a write's place follows from its sequence.
        let guess = (sequence as usize).min(self.sequences.len());
        match guess.checked_sub(1).map(|last| self.sequences[last]) {
            Some(last) if last == sequence => guess,
            Some(_) | None => self.sequences.partition_point(|&known| known <= sequence),
        }
    }

    /// The sums of every prefix from one sequence to another, both included.
    pub(super) fn stretch(&self, least: u64, most: u64) -> Stretch<'_> {
        let (from, to) = (self.count(least), self.count(most.max(least)));
        Stretch { prefixes: self, from, to }
    }
}

fn both(one: (i64, i64), other: (i64, i64)) -> (i64, i64) {
    (one.0.min(other.0), one.1.max(other.1))
}

/// Some of the sums, one after another: at least one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stretch<'a> {
    prefixes: &'a Prefixes,
    from: usize,
    to: usize,
}

impl Stretch<'_> {
    pub(super) fn sums(&self) -> &[i64] {
        &self.prefixes.sums[self.from..=self.to]
    }

    /// The sequences of the writes that some of its sums have and others have not.
    pub(super) fn sequences(&self) -> &[u64] {
        &self.prefixes.sequences[self.from..self.to]
    }

    /// The least and the greatest.
    pub(super) fn bounds(&self) -> (i64, i64) {
        let count = self.prefixes.sums.len();
        let (mut left, mut right) = (count + self.from, count + self.to);
        let nodes = &self.prefixes.bounds;
        let mut bounds = both(nodes[left], nodes[right]);
        // From both ends inwards and upwards, taking what lies between.
        while right - left > 1 {
            if left.is_multiple_of(2) {
                bounds = both(bounds, nodes[left + 1]);
            }
            if !right.is_multiple_of(2) {
                bounds = both(bounds, nodes[right - 1]);
            }
            (left, right) = (left / 2, right / 2);
        }
        bounds
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that fails panics")]

    use super::*;

    #[test]
    fn the_bounds_of_every_stretch_are_those_of_its_sums() {
        let mut random = fastrand::Rng::with_seed(1);
        for count in 0..40 {
            let mut prefixes = Prefixes::new();
            let mut sequence = 0;
            for _ in 0..count {
                sequence += random.u64(1..4);
                prefixes.push(sequence, random.i64(-50..=50));
            }
            prefixes.seal();
            for least in 0..=sequence + 1 {
                for most in least..=sequence + 1 {
                    let stretch = prefixes.stretch(least, most);
                    let sums = stretch.sums();
                    let bounds = (*sums.iter().min().unwrap(), *sums.iter().max().unwrap());
                    assert_eq!(stretch.bounds(), bounds, "{least} to {most} of {prefixes:?}");
                    let within = prefixes.sequences.iter().filter(|&&known| least < known && known <= most).count();
                    assert_eq!(stretch.sequences().len(), within);
                }
            }
        }
    }
}
