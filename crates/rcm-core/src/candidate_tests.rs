use super::*;
use crate::id::ReplicationId;
use proptest::prelude::*;

const A: ReplicationId = ReplicationId::from_number(0xA);
const B: ReplicationId = ReplicationId::from_number(0xB);

fn contender(node: u32, id: ReplicationId, offset: u64) -> Contender {
    Contender {
        node: NodeId(node),
        run_id: RunId::from_number(u64::from(node)),
        position: Position {
            id,
            previous: None,
            offset: Offset(offset),
        },
        priority: 100,
        incomplete: false,
        recorded: Recorded::SameProcess,
    }
}

fn order(ranking: &Ranking) -> Vec<u32> {
    ranking
        .candidates
        .iter()
        .map(|candidate| candidate.node().0)
        .collect()
}

#[test]
fn the_longest_shared_history_wins_whatever_the_raw_offset_says() {
    let chain = Chain::new(A).extended(B, A, Offset(100));
    let ranking = rank(&chain, [contender(1, A, 9_000), contender(2, B, 101)]);
    assert_eq!(order(&ranking), [2, 1]);
}

#[test]
fn priority_breaks_ties_and_never_beats_length() {
    let chain = Chain::new(A);
    let urgent = Contender {
        priority: 1,
        ..contender(2, A, 50)
    };
    assert_eq!(order(&rank(&chain, [contender(1, A, 50), urgent])), [2, 1]);
    let urgent = Contender {
        priority: 1,
        ..contender(2, A, 49)
    };
    assert_eq!(order(&rank(&chain, [contender(1, A, 50), urgent])), [1, 2]);
}

#[test]
fn nodes_that_may_not_be_promoted_are_named_with_the_reason() {
    let chain = Chain::new(A);
    let ranking = rank(
        &chain,
        [
            Contender {
                priority: 0,
                ..contender(1, A, 50)
            },
            Contender {
                incomplete: true,
                ..contender(2, A, 50)
            },
            contender(3, B, 50),
            Contender {
                recorded: Recorded::OtherProcess(Offset(51)),
                ..contender(4, A, 50)
            },
            Contender {
                recorded: Recorded::OtherProcess(Offset(50)),
                ..contender(5, A, 50)
            },
        ],
    );
    assert_eq!(order(&ranking), [5]);
    assert_eq!(
        ranking.refused,
        [
            (NodeId(1), Refusal::PriorityZero),
            (NodeId(2), Refusal::Incomplete),
            (NodeId(3), Refusal::ForeignLineage),
            (NodeId(4), Refusal::LostItsData),
        ]
    );
}

#[test]
fn when_nobody_can_be_traced_the_node_in_office_is_the_best_guess() {
    let chain = Chain::new(A);
    let nobody = [contender(1, B, 50), contender(2, B, 60)];
    assert_eq!(
        cold_start(&chain, &nobody, NodeId(1)).unwrap().node(),
        NodeId(1)
    );
    assert_eq!(cold_start(&chain, &nobody, NodeId(3)), None);
    let somebody = [contender(1, B, 50), contender(2, A, 1)];
    assert_eq!(cold_start(&chain, &somebody, NodeId(1)), None);
}

proptest! {
    #[test]
    fn the_ranking_does_not_depend_on_the_order_of_the_answers(
        offsets in proptest::collection::vec((0_u64..200, 0_u32..3, any::<bool>()), 1..8),
        rotation in 0_usize..8,
    ) {
        let chain = Chain::new(A).extended(B, A, Offset(100));
        let mut contenders: Vec<Contender> = offsets
            .iter()
            .zip(0..)
            .map(|(&(offset, priority, young), node)| Contender {
                priority,
                ..contender(node, if young { B } else { A }, offset)
            })
            .collect();
        let straight = rank(&chain, contenders.clone());
        let len = contenders.len();
        contenders.rotate_left(rotation % len);
        prop_assert_eq!(&straight, &rank(&chain, contenders.clone()));
        contenders.reverse();
        prop_assert_eq!(&straight, &rank(&chain, contenders));
    }

    #[test]
    fn nobody_that_is_passed_over_holds_more(
        offsets in proptest::collection::vec((0_u64..200, any::<bool>()), 1..8),
    ) {
        let chain = Chain::new(A).extended(B, A, Offset(100));
        let contenders: Vec<Contender> = offsets
            .iter()
            .zip(0..)
            .map(|(&(offset, young), node)| contender(node, if young { B } else { A }, offset))
            .collect();
        let best = rank(&chain, contenders.clone()).best().unwrap();
        for contender in contenders {
            prop_assert!(chain.common_prefix(&contender.position) <= Some(best.prefix()));
        }
    }
}
