use std::slice;

use super::*;

fn encoded(frame: &Frame, version: Version) -> String {
    let mut out = BytesMut::new();
    encode_frame(frame, version, &mut out);
    String::from_utf8(out.to_vec()).unwrap()
}

#[track_caller]
fn check(frame: &Frame, resp2: &str, resp3: &str) {
    assert_eq!(encoded(frame, Version::Resp2), resp2, "{frame:?} in RESP2");
    assert_eq!(encoded(frame, Version::Resp3), resp3, "{frame:?} in RESP3");
}

#[test]
fn commands_are_arrays_of_bulk_strings() {
    let mut out = BytesMut::new();
    encode_command(["SET", "k", "a\r\nb"], &mut out);
    encode_command([b"PING"], &mut out);
    encode_command(slice::from_ref(&String::new()), &mut out);
    let text = "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$4\r\na\r\nb\r\n*1\r\n$4\r\nPING\r\n*1\r\n$0\r\n\r\n";
    assert_eq!(out, text);
}

#[test]
fn types_of_both_versions_look_the_same() {
    let array = Frame::Array(vec![Frame::bulk("a"), Frame::Array(vec![])]);
    for (frame, text) in [
        (Frame::ok(), "+OK\r\n"),
        (Frame::error("ERR no"), "-ERR no\r\n"),
        (Frame::Integer(0), ":0\r\n"),
        (Frame::Integer(i64::MIN), ":-9223372036854775808\r\n"),
        (Frame::Integer(i64::MAX), ":9223372036854775807\r\n"),
        (Frame::bulk("a\0\r\n"), "$4\r\na\0\r\n\r\n"),
        (array, "*2\r\n$1\r\na\r\n*0\r\n"),
    ] {
        check(&frame, text, text);
    }
}

#[test]
fn types_of_resp3_become_the_nearest_of_resp2() {
    let map = Frame::Map(vec![(Frame::bulk("a"), Frame::Boolean(true))]);
    check(&map, "*2\r\n$1\r\na\r\n:1\r\n", "%1\r\n$1\r\na\r\n#t\r\n");
    check(
        &Frame::Set(vec![Frame::Null]),
        "*1\r\n$-1\r\n",
        "~1\r\n_\r\n",
    );
    check(
        &Frame::Push(vec![Frame::Boolean(false)]),
        "*1\r\n:0\r\n",
        ">1\r\n#f\r\n",
    );
    check(&Frame::BigNumber("-12".into()), "$3\r\n-12\r\n", "(-12\r\n");
    let verbatim = Frame::Verbatim {
        format: *b"txt",
        text: "hi".into(),
    };
    check(&verbatim, "$2\r\nhi\r\n", "=6\r\ntxt:hi\r\n");
    check(
        &Frame::BulkError("ERR a\nb".into()),
        "-ERR a b\r\n",
        "!7\r\nERR a\nb\r\n",
    );
}

#[test]
fn resp2_has_two_nulls_and_resp3_one() {
    check(&Frame::Null, "$-1\r\n", "_\r\n");
    check(&Frame::NullArray, "*-1\r\n", "_\r\n");
}

#[test]
fn doubles_are_as_short_as_they_can_be() {
    for (value, text) in [
        (1.0, "1"),
        (-0.0, "-0"),
        (0.1, "0.1"),
        (1e16, "10000000000000000"),
        (1e300, "1e300"),
        (-2.5e-9, "-2.5e-9"),
        (f64::INFINITY, "inf"),
        (f64::NEG_INFINITY, "-inf"),
        (f64::NAN, "nan"),
    ] {
        let resp2 = format!("${}\r\n{text}\r\n", text.len());
        check(&Frame::Double(value), &resp2, &format!(",{text}\r\n"));
    }
}

#[test]
fn no_line_can_hold_a_second_frame() {
    check(
        &Frame::error("ERR 'a\r\n+OK\r\n'"),
        "-ERR 'a  +OK  '\r\n",
        "-ERR 'a  +OK  '\r\n",
    );
    check(&Frame::simple("a\nb"), "+a b\r\n", "+a b\r\n");
    check(
        &Frame::BigNumber("1\r\n2".into()),
        "$4\r\n1\r\n2\r\n",
        "(1  2\r\n",
    );
}
