//! Whatever a load balancer says first, and however it is cut: the same client, or the same refusal.

#![no_main]

use libfuzzer_sys::fuzz_target;
use redis_cluster_monitor::proxy::{Header, read_header};

fuzz_target!(|bytes: &[u8]| {
    let whole = read_header(bytes);
    for end in 0..bytes.len().min(300) {
        match read_header(&bytes[..end]) {
            Ok(Header::Partial) => {}
            Ok(early) => assert_eq!(whole.as_ref().unwrap(), &early),
            Err(_) => assert!(whole.is_err()),
        }
    }
    if let Ok(Header::Whole { length, .. }) = whole {
        assert!(length <= bytes.len());
    }
});
