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

/// The colour of the series with this number.
fn colour(number: usize) -> &'static str {
    COLOURS[number % COLOURS.len()]
}
