//! Which server each berth is at: pure, so that it can be tried without servers.
//!
//! Always holds: a berth at a server that is fit moves only to make the servers' shares more equal.

use std::net::SocketAddr;

/// Clients that move together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Berth {
    pub(super) at: Option<SocketAddr>,
    pub(super) clients: usize,
}

/// Moves every berth to a server that is fit, and as few others as make the shares equal; without
/// a server that is fit all stay where they are.
pub(super) fn spread(berths: &mut [Berth], fit: &[SocketAddr]) {
    for place in 0..berths.len() {
        let is_fit = berths[place].at.is_some_and(|at| fit.contains(&at));
        if !is_fit && let Some(emptiest) = emptiest(berths, fit) {
            berths[place].at = Some(emptiest);
        }
    }
    while let Some((place, to)) = next_move(berths, fit) {
        berths[place].at = Some(to);
    }
}

/// The berth for the next client: the emptiest one at the server that has the fewest clients.
pub(super) fn pick(berths: &[Berth]) -> Option<usize> {
    let clients_at = |at| -> usize {
        let there = berths.iter().filter(|berth| berth.at == at);
        there.map(|berth| berth.clients).sum()
    };
    let keyed = berths.iter().enumerate();
    keyed
        .min_by_key(|(_, berth)| (clients_at(berth.at), berth.clients))
        .map(|(place, _)| place)
}

/// The move that makes the fullest and the emptiest server the most equal; every one brings them
/// nearer, so there is a last.
fn next_move(berths: &[Berth], fit: &[SocketAddr]) -> Option<(usize, SocketAddr)> {
    let emptiest = emptiest(berths, fit)?;
    let share = |server| share(berths, server);
    let fullest = *fit.iter().max_by_key(|server| share(**server))?;
    let difference = share(fullest) - share(emptiest);
    let there = berths.iter().enumerate();
    let movable = there
        .filter(|(_, berth)| berth.at == Some(fullest) && weight(berths.len(), berth) < difference);
    let largest = movable.max_by_key(|(_, berth)| berth.clients);
    largest.map(|(place, _)| (place, emptiest))
}

fn emptiest(berths: &[Berth], fit: &[SocketAddr]) -> Option<SocketAddr> {
    fit.iter().copied().min_by_key(|at| share(berths, *at))
}

fn share(berths: &[Berth], server: SocketAddr) -> usize {
    let there = berths.iter().filter(|berth| berth.at == Some(server));
    there.map(|berth| weight(berths.len(), berth)).sum()
}

/// Clients count first; without any, berths do.
const fn weight(berths: usize, berth: &Berth) -> usize {
    berth.clients * (berths + 1) + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(port: u16) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], port))
    }

    /// Berths as `server clients`, zero for no server.
    fn berths(list: &[(u16, usize)]) -> Vec<Berth> {
        let berth = |&(port, clients): &(u16, usize)| Berth {
            at: (port != 0).then(|| server(port)),
            clients,
        };
        list.iter().map(berth).collect()
    }

    #[test]
    fn clients_are_shared_by_the_servers_that_are_fit() {
        for (before, fit, after) in [
            // Nobody is there yet.
            (
                vec![(0, 0); 4],
                vec![1, 2],
                vec![(1, 0), (2, 0), (1, 0), (2, 0)],
            ),
            // One is gone: its clients go to the others.
            (
                vec![(1, 2), (2, 2), (3, 2), (1, 2)],
                vec![2, 3],
                vec![(2, 2), (2, 2), (3, 2), (3, 2)],
            ),
            // One is back: the largest berth that does not turn the scales goes there.
            (
                vec![(1, 5), (1, 3), (1, 1)],
                vec![1, 2],
                vec![(2, 5), (1, 3), (1, 1)],
            ),
            // As equal as they can be.
            (vec![(1, 3), (2, 2)], vec![1, 2], vec![(1, 3), (2, 2)]),
            // Nobody is fit.
            (vec![(1, 3), (2, 2)], vec![], vec![(1, 3), (2, 2)]),
        ] {
            let fit: Vec<_> = fit.into_iter().map(server).collect();
            let mut found = berths(&before);
            spread(&mut found, &fit);
            assert_eq!(found, berths(&after), "{before:?}");
        }
    }

    #[test]
    fn the_next_client_goes_where_there_are_the_fewest() {
        for (list, picked) in [
            (vec![], None),
            (vec![(1, 1), (2, 0), (1, 0), (2, 0)], Some(1)),
            (vec![(1, 2), (2, 1), (1, 0), (2, 2)], Some(2)),
            (vec![(0, 1), (0, 0)], Some(1)),
        ] {
            assert_eq!(pick(&berths(&list)), picked, "{list:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn everybody_is_at_a_fit_server_and_a_second_look_moves_nobody(
            list in proptest::collection::vec((0_u16..6, 0_usize..50), 1..32),
            fit in proptest::collection::btree_set(1_u16..6, 1..6),
        ) {
            let fit: Vec<_> = fit.into_iter().map(server).collect();
            let mut found = berths(&list);
            spread(&mut found, &fit);
            assert!(found.iter().all(|berth| berth.at.is_some_and(|at| fit.contains(&at))));
            let again = found.clone();
            spread(&mut found, &fit);
            assert_eq!(found, again);
        }
    }
}
