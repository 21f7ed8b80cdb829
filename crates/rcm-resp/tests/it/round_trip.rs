//! What was encoded is decoded as it was.

use bytes::Bytes;
use proptest::prelude::*;
use rcm_resp::{Frame, Limits, Version};

use crate::generate::{encode, frame, resp2_frame};

fn decode(bytes: impl Into<Bytes>) -> Result<Frame, rcm_resp::Error> {
    Frame::decode(&bytes.into(), Limits::reply())
}

proptest! {
    #[test]
    fn resp3_keeps_every_frame(frame in frame()) {
        prop_assert_eq!(decode(encode(&frame, Version::Resp3)), Ok(frame));
    }

    #[test]
    fn resp2_keeps_the_frames_of_its_types(frame in resp2_frame()) {
        prop_assert_eq!(decode(encode(&frame, Version::Resp2)), Ok(frame));
    }

    #[test]
    fn resp2_downgrades_once(frame in frame()) {
        let bytes = encode(&frame, Version::Resp2);
        let downgraded = decode(bytes.clone());
        prop_assert!(downgraded.is_ok());
        let again = downgraded.map(|frame| encode(&frame, Version::Resp2));
        prop_assert_eq!(again, Ok(bytes));
    }
}
