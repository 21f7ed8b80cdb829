//! The stubs of etcd's API are what their description says.

use std::fs;
use std::path::Path;

/// Set, it writes the stubs instead of comparing them.
const UPDATE: &str = "UPDATE_STUBS";

#[test]
fn the_stubs_of_etcd_are_generated_from_their_description() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/store/etcd");
    let description = protox::compile(["etcd.proto"], [&folder]).unwrap();
    let out = tempfile::tempdir().unwrap();
    tonic_prost_build::configure()
        .build_server(false)
        .build_transport(false)
        .out_dir(out.path())
        .compile_fds(description)
        .unwrap();
    let generated = fs::read_to_string(out.path().join("etcdserverpb.rs")).unwrap();
    let stubs = folder.join("stubs.rs");
    if std::env::var_os(UPDATE).is_some() {
        fs::write(stubs, generated).unwrap();
        return;
    }
    assert!(
        fs::read_to_string(stubs).unwrap() == generated,
        "src/store/etcd/stubs.rs is not what etcd.proto says; run this test with {UPDATE}=1"
    );
}
