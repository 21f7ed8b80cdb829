use super::*;

fn decoder(bytes: &[u8]) -> Decoder {
    let mut decoder = Decoder::new(Limits::reply());
    decoder.feed(bytes);
    decoder
}

#[track_caller]
fn check(text: &str, frame: Frame) {
    let mut decoder = decoder(text.as_bytes());
    assert_eq!(decoder.next_frame(), Ok(Some(frame)), "{text:?}");
    assert_eq!(decoder.next_frame(), Ok(None), "{text:?}");
    assert!(decoder.buffer_mut().is_empty(), "{text:?}");
}

#[test]
fn every_type_is_decoded() {
    check("+OK\r\n", Frame::ok());
    check("+\r\n", Frame::simple(""));
    check("-ERR no\r\n", Frame::error("ERR no"));
    check(":-12\r\n", Frame::Integer(-12));
    check("$3\r\na\0\n\r\n", Frame::bulk("a\0\n"));
    check("$0\r\n\r\n", Frame::bulk(""));
    check("$-1\r\n", Frame::Null);
    check("*-1\r\n", Frame::Null);
    check("_\r\n", Frame::Null);
    check("*0\r\n", Frame::Array(vec![]));
    check(
        "*2\r\n:1\r\n*1\r\n:2\r\n",
        Frame::Array(vec![
            Frame::Integer(1),
            Frame::Array(vec![Frame::Integer(2)]),
        ]),
    );
    check(
        "%1\r\n+a\r\n%0\r\n",
        Frame::Map(vec![(Frame::simple("a"), Frame::Map(vec![]))]),
    );
    check("~1\r\n#t\r\n", Frame::Set(vec![Frame::Boolean(true)]));
    check(">1\r\n#f\r\n", Frame::Push(vec![Frame::Boolean(false)]));
    check(
        "(-123456789012345678901\r\n",
        Frame::BigNumber("-123456789012345678901".into()),
    );
    check(
        "=6\r\ntxt:hi\r\n",
        Frame::Verbatim {
            format: *b"txt",
            text: "hi".into(),
        },
    );
    check(
        "=4\r\ntxt:\r\n",
        Frame::Verbatim {
            format: *b"txt",
            text: Bytes::new(),
        },
    );
    check("!5\r\nERR a\r\n", Frame::BulkError("ERR a".into()));
}

#[test]
fn numbers_are_read_in_every_spelling() {
    check(":0\r\n", Frame::Integer(0));
    check(":-0\r\n", Frame::Integer(0));
    check(":+7\r\n", Frame::Integer(7));
    check(":9223372036854775807\r\n", Frame::Integer(i64::MAX));
    check(":-9223372036854775808\r\n", Frame::Integer(i64::MIN));
    check(",-0\r\n", Frame::Double(-0.0));
    check(",10\r\n", Frame::Double(10.0));
    check(",1.5e+3\r\n", Frame::Double(1500.0));
    check(",-inf\r\n", Frame::Double(f64::NEG_INFINITY));
    let nan = decoder(b",nan\r\n").next_frame();
    assert!(matches!(nan, Ok(Some(Frame::Double(value))) if value.is_nan()));
}

#[test]
fn values_that_mean_nothing_are_malformed() {
    for (text, what) in [
        (":\r\n", "integer"),
        (":-\r\n", "integer"),
        (": 1\r\n", "integer"),
        (":1\0\r\n", "integer"),
        (":9223372036854775808\r\n", "integer"),
        (",\r\n", "double"),
        (",1,5\r\n", "double"),
        ("#\r\n", "boolean"),
        ("#T\r\n", "boolean"),
        ("#true\r\n", "boolean"),
        ("_x\r\n", "null"),
        ("(\r\n", "big number"),
        ("(-\r\n", "big number"),
        ("(1.5\r\n", "big number"),
        ("=3\r\ntxt\r\n", "verbatim string"),
        ("=6\r\ntext:h\r\n", "verbatim string"),
    ] {
        let mut decoder = decoder(text.as_bytes());
        assert_eq!(
            decoder.next_frame(),
            Err(Error::Malformed(what)),
            "{text:?}"
        );
    }
}

#[test]
fn attributes_are_dropped_wherever_they_are() {
    check("|1\r\n+ttl\r\n:3600\r\n+OK\r\n", Frame::ok());
    check("|0\r\n|0\r\n+OK\r\n", Frame::ok());
    check(
        "*2\r\n|1\r\n+a\r\n*1\r\n:0\r\n:1\r\n:2\r\n",
        Frame::Array(vec![Frame::Integer(1), Frame::Integer(2)]),
    );
    check(
        "%1\r\n+k\r\n|1\r\n|0\r\n+a\r\n+b\r\n+v\r\n",
        Frame::Map(vec![(Frame::simple("k"), Frame::simple("v"))]),
    );
}

#[test]
fn frames_come_out_in_order_and_the_rest_stays() {
    let mut decoder = decoder(b"+a\r\n:1\r\n$3\r\nab");
    assert_eq!(decoder.next_frame(), Ok(Some(Frame::simple("a"))));
    assert_eq!(decoder.next_frame(), Ok(Some(Frame::Integer(1))));
    assert_eq!(decoder.next_frame(), Ok(None));
    decoder.feed(b"c\r\n");
    assert_eq!(decoder.next_frame(), Ok(Some(Frame::bulk("abc"))));
}

#[test]
fn bulks_are_not_copied() {
    let mut decoder = decoder(b"*1\r\n$3\r\nabc\r\n");
    let payload = decoder.buffer_mut()[8..].as_ptr();
    let values = decoder.next_frame().unwrap().unwrap().into_array().unwrap();
    assert_eq!(values[0].as_bytes().unwrap().as_ptr(), payload);
}

#[test]
fn the_first_error_is_also_the_last() {
    let mut decoder = decoder(b"#x\r\n+OK\r\n");
    assert_eq!(decoder.next_frame(), Err(Error::Malformed("boolean")));
    decoder.feed(b"+OK\r\n");
    assert_eq!(decoder.next_frame(), Err(Error::Malformed("boolean")));
}

#[test]
fn the_deepest_frame_allowed_is_decoded_and_dropped() {
    let text = b"*1\r\n".repeat(Limits::DEPTH_CEILING);
    let mut decoder = decoder(&text);
    decoder.feed(b":1\r\n");
    assert!(matches!(decoder.next_frame(), Ok(Some(Frame::Array(_)))));
}
