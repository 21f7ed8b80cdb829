//! One failover of each contender, from the fault until everybody follows the new primary.

use super::axis::{Decades, time};
use super::colour;
use super::svg::{Anchor, Svg};
use crate::raw::{Figure, Line};

const WIDTH: f64 = 860.0;
const LEFT: f64 = 260.0;
const RIGHT: f64 = 790.0;
const TOP: f64 = 76.0;
const ROW: f64 = 34.0;
const BAR: f64 = 18.0;

/// What goes on until each moment.
const STAGES: [&str; 4] = [
    "nobody notices",
    "is it lost?",
    "choosing and promoting",
    "the others follow",
];

/// The moments of one failover, in milliseconds after the fault; none is before the one before.
struct Moments {
    name: String,
    /// Of [`STAGES`], the number and the end.
    ends: Vec<(usize, f64)>,
}

/// A bar per line, its parts as the contender's log and the nodes told them.
pub(crate) fn timeline(title: &str, lines: &[&Line]) -> String {
    let rows: Vec<_> = lines.iter().filter_map(|line| Moments::of(line)).collect();
    let height = f64::from(u32::try_from(rows.len()).unwrap_or(u32::MAX)) * ROW;
    let mut svg = Svg::new(WIDTH, TOP + height + 50.0);
    svg.title(title);
    for (number, stage) in STAGES.iter().enumerate() {
        let x = 16.0 + 200.0 * f64::from(u32::try_from(number).unwrap_or(u32::MAX));
        svg.bar((x, 42.0), (14.0, 14.0), colour(number));
        svg.text((x + 20.0, 54.0), Anchor::Start, stage);
    }
    let ends = rows.iter().flat_map(|row| &row.ends);
    let across = Decades::around(ends.map(|(_, end)| *end), LEFT, RIGHT);
    let bottom = TOP + height;
    for mark in across.marks() {
        let x = across.place(mark);
        svg.guide((x, TOP), (x, bottom + 4.0));
        svg.text((x, bottom + 20.0), Anchor::Middle, &time(mark));
    }
    let caption = "after the fault; each step to the right is ten times as long";
    svg.text(
        (f64::midpoint(LEFT, RIGHT), bottom + 40.0),
        Anchor::Middle,
        caption,
    );

    let mut y = TOP;
    for row in &rows {
        svg.text((LEFT - 10.0, y + BAR), Anchor::End, &row.name);
        let mut x = LEFT;
        for &(stage, end) in &row.ends {
            let end = across.place(end);
            svg.bar((x, y + 5.0), (end - x, BAR), colour(stage));
            x = end;
        }
        if let Some((_, end)) = row.ends.last() {
            svg.text((x + 6.0, y + BAR), Anchor::Start, &time(*end));
        }
        y += ROW;
    }
    svg.finish()
}

impl Moments {
    /// Nothing of a line that is not about a complete failover.
    fn of(line: &Line) -> Option<Self> {
        let told = |name: &str| {
            let phase = line.phases.iter().find(|(its, _)| its == name)?;
            Some(phase.1)
        };
        let promoted = line.figures.get(Figure::PromotedMs)?;
        let following = line.figures.get(Figure::FollowingMs)?;
        let moments = [
            told("suspected"),
            told("down"),
            Some(promoted),
            Some(following),
        ];
        let mut last = 0.0;
        let mut ends = Vec::new();
        for (stage, end) in moments.into_iter().enumerate() {
            // A log shows whole milliseconds, so it may seem to be late.
            if let Some(end) = end.map(|end| if stage < 2 { end.min(promoted) } else { end })
                && end > last
            {
                ends.push((stage, end));
                last = end;
            }
        }
        let name = line.contender.clone();
        Some(Self { name, ends })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(phases: &[(&str, f64)]) -> Line {
        let mut line = Line::begin("crash", "ours", 1);
        line.figures.put(Figure::PromotedMs, 5.5);
        line.figures.put(Figure::FollowingMs, 9.0);
        line.phases = phases
            .iter()
            .map(|&(name, after)| (name.to_owned(), after))
            .collect();
        line
    }

    #[test]
    fn moments_are_in_order_also_where_a_log_is_coarse() {
        let told = [("suspected", 2.0), ("down", 6.0), ("chosen", 4.0)];
        let moments = Moments::of(&line(&told)).unwrap();
        assert_eq!(moments.ends, [(0, 2.0), (1, 5.5), (3, 9.0)]);
    }

    #[test]
    fn who_told_nothing_is_shown_by_what_was_seen() {
        let moments = Moments::of(&line(&[])).unwrap();
        assert_eq!(moments.ends, [(2, 5.5), (3, 9.0)]);
        assert!(Moments::of(&Line::begin("crash", "ours", 1)).is_none());
    }
}
