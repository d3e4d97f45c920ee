//! Counts durations in buckets whose width grows with the duration: any percentile afterwards is right to within
//! 1.6 %, in 30 KB, whatever the number of samples. (The idea is that of `HdrHistogram`.)

use std::time::Duration;

/// Buckets to each doubling; the relative error is one over this.
const STEPS: u64 = 64;
/// Below `STEPS` nanoseconds one bucket each, then `STEPS` to each doubling up to 2^64.
const BUCKETS: usize = 59 * 64;

/// Durations, counted.
#[derive(Clone, Debug)]
pub struct Histogram {
    counts: Vec<u64>,
    total: u64,
    longest: Duration,
}

impl Histogram {
    /// Nothing counted yet.
    pub fn new() -> Self {
        Self { counts: vec![0; BUCKETS], total: 0, longest: Duration::ZERO }
    }

    /// Counts one duration.
    pub fn record(&mut self, duration: Duration) {
        let nanoseconds = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        if let Some(count) = self.counts.get_mut(bucket_of(nanoseconds)) {
            *count += 1;
        }
        self.total += 1;
        self.longest = self.longest.max(duration);
    }

    /// How many were counted.
    pub fn total(&self) -> u64 {
        self.total
    }

    /// The longest, exactly.
    pub fn longest(&self) -> Duration {
        self.longest
    }

    /// The duration that `per_thousand` of a thousand were not longer than; zero when nothing was counted.
    pub fn percentile(&self, per_thousand: u64) -> Duration {
        let rank = (self.total.saturating_mul(per_thousand)).div_ceil(1000).max(1);
        let mut seen = 0;
        for (bucket, count) in self.counts.iter().enumerate() {
            seen += count;
            if seen >= rank {
                return Duration::from_nanos(upper_end(bucket)).min(self.longest);
            }
        }
        self.longest
    }
}

fn bucket_of(nanoseconds: u64) -> usize {
    let doublings = u64::from(nanoseconds.max(1).ilog2()).saturating_sub(u64::from(STEPS.ilog2()));
    let bucket = doublings * STEPS + (nanoseconds >> doublings);
    usize::try_from(bucket).unwrap_or(usize::MAX)
}

/// The longest duration that falls into a bucket, in nanoseconds.
fn upper_end(bucket: usize) -> u64 {
    let bucket = u64::try_from(bucket).unwrap_or(u64::MAX);
    let doublings = (bucket / STEPS).saturating_sub(1);
    let step = u128::from(bucket - doublings * STEPS) + 1;
    u64::try_from((step << doublings) - 1).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_duration_lies_in_its_bucket_and_buckets_are_narrow() {
        for nanoseconds in (0..64).map(|bit| 1u64 << bit).flat_map(|n| [n - 1, n, n + n / 3, n + (n - 1)]) {
            let bucket = bucket_of(nanoseconds);
            assert!(bucket < BUCKETS, "{nanoseconds}");
            let end = upper_end(bucket);
            assert!(end >= nanoseconds, "{nanoseconds}");
            assert!(end - nanoseconds <= nanoseconds / 60, "{nanoseconds} in a bucket up to {end}");
            assert!(bucket == 0 || upper_end(bucket - 1) < nanoseconds, "{nanoseconds}");
        }
    }

    #[test]
    fn percentiles_of_a_known_distribution() {
        let mut histogram = Histogram::new();
        (1..=1000).rev().for_each(|ms| histogram.record(Duration::from_millis(ms)));
        assert_eq!((histogram.total(), histogram.longest()), (1000, Duration::from_secs(1)));
        for (per_thousand, expected) in [(500, 500.0), (990, 990.0), (1000, 1000.0)] {
            let got = histogram.percentile(per_thousand).as_secs_f64() * 1000.0;
            assert!((got / expected - 1.0).abs() < 0.017, "{per_thousand}: {got} ms");
        }
    }

    #[test]
    fn nothing_counted_is_zero() {
        assert_eq!(Histogram::new().percentile(500), Duration::ZERO);
    }
}
