//! Curves over an axis of decades, with a list of who is who.

use super::Pen;
use super::axis::{Decades, time};
use super::svg::{Anchor, Svg};

const WIDTH: f64 = 860.0;
const LEFT: f64 = 60.0;
const RIGHT: f64 = 840.0;
const TOP: f64 = 50.0;
const BOTTOM: f64 = 330.0;

/// Between the lines of the list.
const LEADING: f64 = 20.0;
const LIST: f64 = BOTTOM + 70.0;

/// One curve: times in milliseconds, and a share of all between 0 and 1.
#[derive(Clone, Debug)]
pub(super) struct Curve {
    pub(super) name: String,
    pub(super) points: Vec<(f64, f64)>,
    /// Whether each point was measured, so that it is worth a mark.
    pub(super) has_marks: bool,
}

/// Shares over times.
pub(super) fn chart(title: &str, caption: &str, curves: &[Curve]) -> String {
    let rows = f64::from(u32::try_from(curves.len()).unwrap_or(u32::MAX));
    let mut svg = Svg::new(WIDTH, LIST + rows * LEADING);
    svg.title(title);
    let times = curves.iter().flat_map(|curve| &curve.points);
    let across = Decades::around(times.map(|(time, _)| *time), LEFT, RIGHT);
    let up = |share: f64| BOTTOM - (BOTTOM - TOP) * share;
    grid(&mut svg, across, up);
    svg.text(
        (f64::midpoint(LEFT, RIGHT), BOTTOM + 38.0),
        Anchor::Middle,
        caption,
    );

    for (number, curve) in curves.iter().enumerate() {
        let points = curve.points.iter();
        let points: Vec<_> = points
            .map(|(time, share)| (across.place(*time), up(*share)))
            .collect();
        let pen = Pen::of(number);
        svg.curve(&points, pen);
        for at in points.iter().filter(|_| curve.has_marks) {
            svg.dot(*at, pen.colour);
        }
        let row = f64::from(u32::try_from(number).unwrap_or(u32::MAX));
        let y = LIST + row * LEADING;
        svg.curve(&[(LEFT, y - 7.0), (LEFT + 22.0, y - 7.0)], pen);
        svg.text((LEFT + 30.0, y - 3.0), Anchor::Start, &curve.name);
    }
    svg.finish()
}

fn grid(svg: &mut Svg, across: Decades, up: impl Fn(f64) -> f64) {
    for minor in across.minor_marks() {
        let x = across.place(minor);
        svg.guide((x, TOP), (x, BOTTOM));
    }
    for mark in across.marks() {
        let x = across.place(mark);
        svg.rule((x, TOP), (x, BOTTOM + 4.0));
        svg.text((x, BOTTOM + 18.0), Anchor::Middle, &time(mark));
    }
    for percent in [0, 25, 50, 75, 100] {
        let y = up(f64::from(percent) / 100.0);
        svg.guide((LEFT, y), (RIGHT, y));
        svg.text((LEFT - 6.0, y + 4.0), Anchor::End, &format!("{percent} %"));
    }
    svg.rule((LEFT, BOTTOM), (RIGHT, BOTTOM));
}
