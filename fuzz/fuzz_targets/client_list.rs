//! Whatever a server answers to `CLIENT LIST`, only older hands of this group are ever to be killed.

#![no_main]

use libfuzzer_sys::fuzz_target;
use rcm_core::fencing::{Owner, Purpose, clients, older_hands, rivals};
use rcm_core::id::Epoch;

fuzz_target!(|input: (u64, &str)| {
    let (epoch, list) = input;
    let owner = Owner {
        deployment: "d1".parse().unwrap(),
        group: "mymaster".parse().unwrap(),
        monitor: "m1".parse().unwrap(),
    };
    let epoch = Epoch(epoch);
    let ours = owner.client_name(Purpose::Act(epoch)).to_string();
    let own: Vec<u64> = clients(list).filter(|(_, name)| *name == ours).map(|(id, _)| id).collect();
    for id in older_hands(&owner, epoch, list) {
        let names: Vec<&str> =
            clients(list).filter(|(other, _)| *other == id).map(|(_, name)| name).collect();
        assert!(names.iter().any(|name| name.starts_with("rcm:act:d1:mymaster:")));
        assert!(!own.contains(&id) || names.len() > 1);
    }
    assert!(rivals(&owner, list, 8).len() <= 8);
});
