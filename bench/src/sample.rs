//! What several repetitions say of one figure.

use crate::raw::{Figure, Line};

/// Values in ascending order, never none.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Sample(Vec<f64>);

impl Sample {
    /// Nothing of no values.
    pub(crate) fn new(mut values: Vec<f64>) -> Option<Self> {
        values.sort_by(f64::total_cmp);
        (!values.is_empty()).then_some(Self(values))
    }

    /// The sample of a figure, if anybody measured it.
    pub(crate) fn of(lines: &[&Line], figure: Figure) -> Option<Self> {
        let values = lines.iter().filter_map(|line| line.figures.get(figure));
        Self::new(values.collect())
    }

    pub(crate) fn count(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn values(&self) -> &[f64] {
        &self.0
    }

    pub(crate) fn median(&self) -> f64 {
        let (len, half) = (self.0.len(), self.0.len() / 2);
        if len.is_multiple_of(2) {
            f64::midpoint(self.0[half - 1], self.0[half])
        } else {
            self.0[half]
        }
    }

    /// The smallest value that is not exceeded by `percent` of all.
    pub(crate) fn percentile(&self, percent: usize) -> f64 {
        self.permille(percent * 10)
    }

    /// The smallest value that is not exceeded by so many of a thousand.
    pub(crate) fn permille(&self, share: usize) -> f64 {
        let rank = (self.0.len() * share).div_ceil(1000);
        self.0[rank.max(1) - 1]
    }

    pub(crate) fn max(&self) -> f64 {
        self.percentile(100)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_values_of_the_sample() {
        let sample = Sample::new((1..=200).rev().map(f64::from).collect()).unwrap();
        assert_eq!(sample.percentile(99).to_string(), "198");
        assert_eq!(sample.permille(999).to_string(), "200");
        assert_eq!(sample.max().to_string(), "200");
        assert_eq!(sample.median().to_string(), "100.5");
        assert_eq!(Sample::new(Vec::new()), None);
    }
}
