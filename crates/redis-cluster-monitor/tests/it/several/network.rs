//! The network between monitors, nodes and etcd is cut, one way or both: whoever sees enough acts, nobody
//! else does, and when it is whole again there is one primary in one epoch.
//!
//! Three machines have a monitor and a member of etcd each, three have a node each.

use redis_cluster_monitor::local::{Etcd, Group, Version};

use super::{Several, Watching, is_primary};
use crate::monitor::{Result, State, builder};
use crate::world::{World, in_a_world_of_its_own};

in_a_world_of_its_own! {
    a_monitor_that_neither_hears_nor_reaches_the_primary_leaves_it_to_others
    a_monitor_that_does_not_hear_the_primary_leaves_it_to_others
    a_monitor_that_does_not_reach_the_primary_leaves_it_to_others
    a_follower_that_does_not_hear_the_primary_changes_nothing
    a_monitor_that_is_cut_off_from_the_others_is_replaced_by_them
    monitors_that_are_all_cut_off_from_each_other_do_nothing
    a_primary_that_is_cut_off_from_everybody_is_replaced
    a_primary_that_nobody_hears_is_replaced
    a_primary_that_hears_nobody_is_replaced
    a_primary_and_the_acting_monitor_on_the_smaller_side_are_replaced_together
    a_monitor_that_reaches_no_replica_leaves_its_failover_to_others
}

/// Monitors and nodes on machines of their own.
struct Apart {
    world: World,
    several: Several,
}

const MONITORS: [usize; 3] = [0, 1, 2];
const PRIMARY: usize = 3;
const REPLICAS: [usize; 2] = [4, 5];

impl Apart {
    fn start() -> Result<Self> {
        let world = World::of(6);
        let place = |machine| (world.ip(machine), world.runner(machine));
        let etcd = Etcd::across(MONITORS.map(place).into())?;
        let node =
            |machine| builder(Version::System).map(|it| it.bind(world.ip(machine)).port(6379));
        let primary = node(PRIMARY)?;
        let mut nodes = vec![world.on(PRIMARY, || primary.start())?];
        for machine in REPLICAS {
            let replica = node(machine)?.replica_of(nodes[0].address());
            nodes.push(world.on(machine, || replica.start())?);
        }
        let group = Group::of(nodes)?;
        let (addresses, store) = (group.addresses(), etcd.store());
        let start = |machine| {
            let ip = world.ip(machine);
            world.on(machine, || {
                Watching::at(ip, State::new(), &addresses, &store)
            })
        };
        let monitors = MONITORS.into_iter().map(start).collect::<Result<_>>()?;
        let several = Several::of(group, monitors, etcd)?;
        Ok(Self { world, several })
    }

    /// The machines of the other monitors.
    fn others(&self, monitor: usize) -> Vec<usize> {
        self.several.without(monitor)
    }

    /// The first node comes back on its machine.
    fn restart_primary(&mut self) -> Result {
        let Self { world, several } = self;
        let node = &mut several.group.nodes_mut()[0];
        world.on(PRIMARY, || node.restart())
    }
}

fn a_monitor_that_neither_hears_nor_reaches_the_primary_leaves_it_to_others() -> Result {
    without_the_primary(|world, monitor| world.cut(&[monitor], &[PRIMARY]))
}

fn a_monitor_that_does_not_hear_the_primary_leaves_it_to_others() -> Result {
    without_the_primary(|world, monitor| world.lose(PRIMARY, monitor))
}

fn a_monitor_that_does_not_reach_the_primary_leaves_it_to_others() -> Result {
    without_the_primary(|world, monitor| world.lose(monitor, PRIMARY))
}

fn without_the_primary(cut: fn(&World, usize)) -> Result {
    let mut apart = Apart::start()?;
    let blind = apart.several.leader()?;
    let others = apart.others(blind);
    cut(&apart.world, blind);
    let several = &mut apart.several;
    several.monitors[blind].monitor.wait_for("lease-resigned")?;
    several.leader_of(&others)?;
    several.wait_until_agreed(&MONITORS, 0, "1")?;
    assert_eq!(several.switches(), 0, "the others see it well");

    // Those who see it act, and the one that does not is told.
    several.kill_node(0);
    let heir = several.heir()?;
    several.wait_until_agreed(&MONITORS, heir, "2")?;
    apart.world.mend();
    apart.restart_primary()?;
    apart.several.wait_until_agreed(&MONITORS, heir, "2")
}

fn a_follower_that_does_not_hear_the_primary_changes_nothing() -> Result {
    let apart = Apart::start()?;
    let several = &apart.several;
    let leader = several.leader()?;
    let blind = apart.others(leader)[0];
    apart.world.lose(PRIMARY, blind);
    let told = &several.monitors[blind].monitor;
    let loses_sight = || {
        let told = told.told("verdict-changed");
        told.iter().any(|it| {
            it["to"] == "primary-silent" || it["to"] == "primary-unreachable-but-replicating"
        })
    };
    several.wait_until("it loses sight of the primary", loses_sight)?;
    apart.world.mend();
    several.wait_until("it sees the primary again", || {
        told.told("verdict-changed")
            .last()
            .is_some_and(|it| it["to"] == "healthy")
    })?;
    several.wait_until_agreed(&MONITORS, 0, "1")?;
    let resigned = several.monitors[leader].monitor.told("lease-resigned");
    assert!(resigned.is_empty(), "{resigned:?}");
    assert_eq!(several.switches(), 0);
    Ok(())
}

fn a_monitor_that_is_cut_off_from_the_others_is_replaced_by_them() -> Result {
    let mut apart = Apart::start()?;
    let alone = apart.several.leader()?;
    let others = apart.others(alone);
    apart.world.cut(&[alone], &others);
    let several = &mut apart.several;
    several.leader_of(&others)?;
    several.kill_node(0);
    let heir = several.heir()?;
    several.wait_until_agreed(&others, heir, "2")?;
    // It serves on what was committed when it last heard of it, and says so.
    several.wait_until_named(&[alone], 0, "1")?;
    several.wait_until("it says that it may not act", || {
        several.monitors[alone].has_logged("this monitor may not act")
    })?;
    apart.world.mend();
    apart.restart_primary()?;
    apart.several.wait_until_agreed(&MONITORS, heir, "2")
}

fn monitors_that_are_all_cut_off_from_each_other_do_nothing() -> Result {
    let mut apart = Apart::start()?;
    for monitor in MONITORS {
        apart.world.cut(&[monitor], &apart.others(monitor));
    }
    let several = &mut apart.several;
    several.wait_until("nobody may act", || {
        let mut monitors = several.monitors.iter();
        monitors.all(|it| it.has_logged("this monitor may not act"))
    })?;
    several.kill_node(0);
    for watching in &several.monitors {
        watching.monitor.wait_for("would-act")?;
    }
    assert!(!several.group.nodes().iter().any(is_primary));
    apart.world.mend();
    let heir = apart.several.heir()?;
    apart.several.wait_until_agreed(&MONITORS, heir, "2")
}

fn a_primary_that_is_cut_off_from_everybody_is_replaced() -> Result {
    cut_off_primary(|world, other| world.cut(&[PRIMARY], &[other]))
}

fn a_primary_that_nobody_hears_is_replaced() -> Result {
    cut_off_primary(|world, other| world.lose(PRIMARY, other))
}

fn a_primary_that_hears_nobody_is_replaced() -> Result {
    cut_off_primary(|world, other| world.lose(other, PRIMARY))
}

fn cut_off_primary(cut: fn(&World, usize)) -> Result {
    let Apart { world, several } = Apart::start()?;
    for other in MONITORS.into_iter().chain(REPLICAS) {
        cut(&world, other);
    }
    let heir = several.heir()?;
    several.wait_until_named(&MONITORS, heir, "2")?;
    assert!(several.holds(heir)?, "what all held is kept");
    // It has gone on as a primary for whoever reached it, and follows as soon as it is met.
    assert!(is_primary(&several.group.nodes()[0]));
    world.mend();
    several.wait_until_agreed(&MONITORS, heir, "2")?;
    assert_eq!(several.switches(), 1);
    Ok(())
}

fn a_primary_and_the_acting_monitor_on_the_smaller_side_are_replaced_together() -> Result {
    let apart = Apart::start()?;
    let several = &apart.several;
    let leader = several.leader()?;
    let others = apart.others(leader);
    let larger = [&others[..], &REPLICAS].concat();
    apart.world.cut(&[leader, PRIMARY], &larger);
    let heir = several.heir()?;
    several.wait_until_named(&others, heir, "2")?;
    several.wait_until_named(&[leader], 0, "1")?;
    assert!(several.holds(heir)?, "what all held is kept");
    apart.world.mend();
    several.wait_until_agreed(&MONITORS, heir, "2")?;
    assert_eq!(several.switches(), 1);
    Ok(())
}

fn a_monitor_that_reaches_no_replica_leaves_its_failover_to_others() -> Result {
    let mut apart = Apart::start()?;
    let blind = apart.several.leader()?;
    apart.world.cut(&[blind], &REPLICAS);
    let several = &mut apart.several;
    several.kill_node(0);
    several.monitors[blind].monitor.wait_for("lease-resigned")?;
    several.settled()?;
    let others = several.without(blind);
    several.leader_of(&others)?;
    Ok(())
}
