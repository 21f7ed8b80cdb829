//! How much passes, and how long it takes.

use super::chart::{Curve, chart};

/// A curve per contender through the loads that it had: their latencies in milliseconds, and
/// requests per second. Further up and further left is better.
pub(crate) fn throughput(title: &str, loads: &[(&str, Vec<(f64, f64)>)]) -> String {
    let all = loads.iter().flat_map(|(_, points)| points);
    let most = all.fold(0.0, |most: f64, (_, rate)| most.max(*rate));
    let curves = loads.iter().map(|(name, points)| Curve {
        name: (*name).to_owned(),
        points: points
            .iter()
            .map(|(time, rate)| (*time, rate / most))
            .collect(),
        has_marks: true,
    });
    let caption = format!(
        "half of the requests took at most so long; 100 % are {most:.0} requests per second"
    );
    chart(title, &caption, &curves.collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_is_all() {
        let loads = [("ours", vec![(0.1, 500.0), (1.0, 1000.0)])];
        let svg = throughput("load", &loads);
        assert!(svg.contains("100 % are 1000 requests"), "{svg}");
    }
}
