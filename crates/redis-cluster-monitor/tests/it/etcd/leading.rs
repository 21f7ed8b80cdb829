//! Who leads a group, and that only the leader writes.

use std::time::Duration;

use redis_cluster_monitor::store::{Error, Fleet, Leadership};

use super::{CLOCK, Stage, group, leads, record, run, wait_for, write};

#[test]
fn one_monitor_leads_and_the_other_is_told_what_it_writes() {
    run(async {
        let stage = Stage::new(1, &[]);
        let (one, two) = (stage.monitor(0).await, stage.monitor(1).await);
        assert_eq!(one.deployment(), two.deployment());
        assert_ne!(one.monitor(), two.monitor());
        let mut first = one.join(&group(), true);
        leads(&mut first).await;
        let mut second = two.join(&group(), true);
        let revision = write(&one).await;
        wait_for("the revision", &mut second.stored, |it| *it == revision).await;
        assert_eq!(*second.leadership.borrow(), Leadership::None);
        let refused = two.write(&group(), record(), revision).await;
        assert_eq!(refused, Err(Error::Conflict), "only the leader writes");

        first.resign(CLOCK.now() + Duration::from_secs(5));
        leads(&mut second).await;
        assert_eq!(*first.leadership.borrow(), Leadership::None);
        write(&two).await;

        // An end with a farewell needs no lease to end.
        two.leave().await;
        leads(&mut first).await;
    });
}

#[test]
fn the_groups_of_a_monitor_that_dies_are_led_by_another() {
    run(async {
        let stage = Stage::new(1, &[]);
        let (one, two) = (stage.monitor(0).await, stage.monitor(1).await);
        let mut first = one.join(&group(), true);
        leads(&mut first).await;
        let mut second = two.join(&group(), true);
        let id = one.monitor().clone();
        // Its tasks end, and nobody says goodbye.
        drop((first, one));
        leads(&mut second).await;
        let mut fleet = two.fleet();
        let is_absent = |fleet: &Fleet| fleet.0.get(&id).is_some_and(|it| !it.is_alive);
        wait_for("its absence", &mut fleet, is_absent).await;
    });
}
