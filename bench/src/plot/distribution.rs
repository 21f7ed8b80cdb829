//! How many repetitions took how long at most.

use super::chart::{Curve, chart};
use crate::sample::Sample;

/// A curve per contender; further left is better, and a long tail to the right is not.
pub(crate) fn distribution(title: &str, samples: &[(&str, Sample)]) -> String {
    let curves = samples.iter().map(|(name, sample)| Curve {
        name: match sample.count() {
            1 => format!("{name} (1 run)"),
            runs => format!("{name} ({runs} runs)"),
        },
        points: steps(sample.values()),
        has_marks: false,
    });
    let caption = "share of all repetitions that took at most so long";
    chart(title, caption, &curves.collect::<Vec<_>>())
}

/// Each value raises the share by its part.
fn steps(values: &[f64]) -> Vec<(f64, f64)> {
    let count = f64::from(u32::try_from(values.len()).unwrap_or(u32::MAX));
    let shares = (0_u32..).map(|done| f64::from(done) / count);
    values
        .iter()
        .zip(shares)
        .flat_map(|(&value, share)| [(value, share), (value, share + 1.0 / count)])
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_is_a_step_and_the_last_one_ends_at_all() {
        let steps = steps(&[1.0, 3.0]);
        assert_eq!(steps, [(1.0, 0.0), (1.0, 0.5), (3.0, 0.5), (3.0, 1.0)]);
    }

    #[test]
    fn everybody_is_named() {
        let sample = Sample::new(vec![5.0, 6.0]).unwrap();
        let svg = distribution("outage", &[("ours", sample)]);
        assert!(svg.contains(">ours (2 runs)</text>"), "{svg}");
    }
}
