//! Pictures of what was measured, as SVG that needs nothing else to be shown.
//!
//! Not here: numbers. A picture shows the values of lines, and computes none.

mod axis;
mod chart;
mod distribution;
mod svg;
mod throughput;
mod timeline;

pub(crate) use distribution::distribution;
pub(crate) use throughput::throughput;
pub(crate) use timeline::timeline;

/// Colours that people with any eyes can tell apart.
const COLOURS: [&str; 10] = [
    "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#7f7f7f", "#000000",
    "#882255", "#44aa99",
];

/// The colour of the series with this number; as many as there are look different.
fn colour(number: usize) -> &'static str {
    COLOURS[number % COLOURS.len()]
}

/// How a curve is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Pen {
    colour: &'static str,
    /// How long its dashes are; a curve without them is drawn through.
    dash: Option<usize>,
}

impl Pen {
    /// No two numbers have the same: where colours begin again they are dashed, longer each time.
    fn of(number: usize) -> Self {
        let rounds = number / COLOURS.len();
        Self {
            colour: colour(number),
            dash: (rounds > 0).then_some(5 * rounds),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_curve_has_a_pen_of_its_own() {
        let pens: Vec<_> = (0..4 * COLOURS.len()).map(Pen::of).collect();
        for (number, pen) in pens.iter().enumerate() {
            assert!(!pens[..number].contains(pen), "{number} has {pen:?} again");
        }
    }
}
