//! From values to places.

/// Values that grow by factors: each decade takes the same room, because what is compared differs by
/// factors of hundreds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Decades {
    first: i32,
    last: i32,
    from: f64,
    to: f64,
}

impl Decades {
    /// From the decade of the smallest to that of the largest value, between two places. What is not
    /// above zero has no place of its own and counts as the smallest.
    pub(super) fn around(values: impl Iterator<Item = f64>, from: f64, to: f64) -> Self {
        let exponents = values.filter(|value| *value > 0.0).map(f64::log10);
        let (low, high) = exponents.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), its| {
            (low.min(its), high.max(its))
        });
        let (low, high) = if low <= high { (low, high) } else { (0.0, 1.0) };
        #[expect(
            clippy::cast_possible_truncation,
            reason = "the exponents of what can be measured are small"
        )]
        let (first, last) = (low.floor() as i32, high.ceil() as i32);
        Self {
            first,
            last: last.max(first + 1),
            from,
            to,
        }
    }

    pub(super) fn place(self, value: f64) -> f64 {
        let (first, last) = (f64::from(self.first), f64::from(self.last));
        let exponent = value.max(10_f64.powi(self.first)).log10();
        self.from + (self.to - self.from) * (exponent - first) / (last - first)
    }

    /// The values that have a name.
    pub(super) fn marks(self) -> impl Iterator<Item = f64> {
        (self.first..=self.last).map(|exponent| 10_f64.powi(exponent))
    }

    /// Those between, to read by.
    pub(super) fn minor_marks(self) -> impl Iterator<Item = f64> {
        let between = |decade: f64| (2..10).map(move |digit| decade * f64::from(digit));
        (self.first..self.last).flat_map(move |exponent| between(10_f64.powi(exponent)))
    }
}

/// A time as people read it.
pub(super) fn time(milliseconds: f64) -> String {
    match milliseconds {
        below if below < 1.0 => format!("{} µs", round(below * 1000.0)),
        below if below < 1000.0 => format!("{} ms", round(below)),
        seconds => format!("{} s", round(seconds / 1000.0)),
    }
}

fn round(value: f64) -> String {
    let decimals = usize::from(value < 10.0 && value.fract() > 0.0);
    format!("{value:.decimals$}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decades_take_the_same_room() {
        let axis = Decades::around([5.0, 900.0].into_iter(), 100.0, 400.0);
        assert_eq!(axis.marks().collect::<Vec<_>>(), [1.0, 10.0, 100.0, 1000.0]);
        let places: Vec<_> = axis.marks().map(|mark| axis.place(mark).round()).collect();
        assert_eq!(places, [100.0, 200.0, 300.0, 400.0]);
        assert_eq!(axis.place(0.0).round().to_string(), "100");
    }

    #[test]
    fn nothing_to_show_still_has_an_axis() {
        let axis = Decades::around(std::iter::empty(), 0.0, 1.0);
        assert_eq!(axis.marks().count(), 2);
        assert_eq!(axis.minor_marks().count(), 8);
    }

    #[test]
    fn times_have_their_unit() {
        let shown = [0.5, 1.0, 5.34, 1351.0, 30_000.0].map(time);
        assert_eq!(shown, ["500 µs", "1 ms", "5.3 ms", "1.4 s", "30 s"]);
    }
}
