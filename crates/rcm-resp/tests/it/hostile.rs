//! Nothing a peer sends makes the codec panic, abort, or hold more than its limits.

use proptest::{collection::vec, prelude::*};
use rcm_resp::{Decoder, Error, Limits};

use crate::generate::{chunks, decode, decode_requests, noise};

proptest! {
    #[test]
    fn noise_is_survived(stream in prop_oneof![noise(), vec(any::<u8>(), 0..200)]) {
        // Reaching the end of both is the test.
        let (frames, _) = decode(chunks(&stream, &[200]));
        let (requests, _) = decode_requests(chunks(&stream, &[200]), Limits::request());
        prop_assert!(frames.len() <= stream.len() && requests.len() <= stream.len());
    }

    #[test]
    fn announced_lengths_take_no_memory(
        head in proptest::sample::select(b"$!=*~>%|".as_slice()),
        length in prop_oneof![0..Limits::reply().max_bulk + 9, any::<usize>()],
    ) {
        let mut decoder = Decoder::new(Limits::reply());
        decoder.feed(format!("{}{length}\r\n", char::from(head)).as_bytes());
        let waits = decoder.next_frame().is_ok();
        prop_assert!(!waits || length <= Limits::reply().max_bulk);
        prop_assert!(decoder.buffer_mut().capacity() <= 64);
    }
}

#[test]
fn endless_nesting_ends_on_a_small_stack() {
    for head in ["*1\r\n", "%1\r\n+k\r\n", "|1\r\n+k\r\n", ">1\r\n"] {
        for count in [10_000, 100_000] {
            let text = head.repeat(count);
            let decode = move || decode(std::iter::once(text.as_bytes()));
            let thread = std::thread::Builder::new()
                .stack_size(64 << 10)
                .spawn(decode);
            let result = thread.expect("a thread can be started").join();
            let expected = (
                Vec::new(),
                Some(Error::TooDeep {
                    limit: Limits::DEPTH_CEILING,
                }),
            );
            assert_eq!(
                result.expect("the decoder does not panic"),
                expected,
                "{head:?}"
            );
        }
    }
}
