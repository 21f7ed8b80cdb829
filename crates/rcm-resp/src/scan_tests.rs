use super::*;

const SMALL: Limits = Limits {
    max_bulk: 10,
    max_depth: 3,
    max_elements: 6,
    max_inline: 8,
    max_frame: 40,
};

fn scan(text: &[u8]) -> Result<Progress, Error> {
    Scanner::new(Limits::reply()).scan(text)
}

#[test]
fn frames_of_every_type_end_where_they_should() {
    for text in [
        "+OK\r\n",
        "-ERR no\r\n",
        ":1\r\n",
        "$3\r\na\r\n\r\n",
        "$0\r\n\r\n",
        "$-1\r\n",
        "*-1\r\n",
        "*0\r\n",
        "*2\r\n$-1\r\n*1\r\n+a\r\n",
        "_\r\n",
        ",1.5\r\n",
        "#t\r\n",
        "!5\r\nERR a\r\n",
        "=6\r\ntxt:hi\r\n",
        "(123\r\n",
        "%1\r\n+k\r\n%0\r\n",
        "~2\r\n+a\r\n~0\r\n",
        ">2\r\n+a\r\n:1\r\n",
        "|1\r\n+k\r\n+v\r\n|0\r\n+OK\r\n",
        "*2\r\n|1\r\n+k\r\n*0\r\n+a\r\n+b\r\n",
    ] {
        let len = text.len();
        assert_eq!(
            scan(format!("{text}+next\r\n").as_bytes()),
            Ok(Progress::Frame { len })
        );
        for prefix in (0..len).filter_map(|end| text.get(..end)) {
            assert_eq!(
                scan(prefix.as_bytes()),
                Ok(Progress::Need),
                "{prefix:?} of {text:?}"
            );
        }
    }
}

#[test]
fn broken_frames_are_refused() {
    for (text, error) in [
        ("x", Error::UnknownType(b'x')),
        ("\r\n", Error::UnknownType(b'\r')),
        ("*1\r\n\0", Error::UnknownType(0)),
        ("$?\r\n", Error::Streamed(b'$')),
        ("*?\r\n", Error::Streamed(b'*')),
        ("$-2\r\n", Error::Length(b'$')),
        ("$-0\r\n", Error::Length(b'$')),
        ("*01\r\n", Error::Length(b'*')),
        ("%-1\r\n", Error::Length(b'%')),
        ("$18446744073709551616\r\n", Error::Length(b'$')),
        ("$1\n", Error::Length(b'$')),
        ("$1\rx", Error::LineEnding),
        ("+OK\n", Error::LineEnding),
        ("+O\rK", Error::LineEnding),
        ("$1\r\nab\r\n", Error::PayloadEnding),
        ("$1\r\na\r\r", Error::PayloadEnding),
        ("$1\r\na\n\r", Error::PayloadEnding),
    ] {
        let mut scanner = Scanner::new(Limits::reply());
        assert_eq!(scanner.scan(text.as_bytes()), Err(error), "{text:?}");
        assert_eq!(scanner.scan(text.as_bytes()), Err(error), "{text:?} again");
    }
}

#[test]
fn each_limit_is_inclusive() {
    let max = usize::MAX;
    let check = |text: String, error: Option<Error>| {
        let result = Scanner::new(SMALL).scan(text.as_bytes());
        assert_eq!(result.err(), error, "{text:?}");
    };
    check("$10\r\n".into(), None);
    check(
        "$11\r\n".into(),
        Some(Error::BulkTooLong {
            length: 11,
            limit: 10,
        }),
    );
    check(
        format!("${max}\r\n"),
        Some(Error::BulkTooLong {
            length: max,
            limit: 10,
        }),
    );
    check("*1\r\n*1\r\n*1\r\n".into(), None);
    check(
        "*1\r\n*1\r\n*1\r\n*0\r\n".into(),
        Some(Error::TooDeep { limit: 3 }),
    );
    check("*6\r\n".into(), None);
    check("*7\r\n".into(), Some(Error::TooManyElements { limit: 6 }));
    check("*2\r\n*4\r\n".into(), None);
    check(
        "*2\r\n*5\r\n".into(),
        Some(Error::TooManyElements { limit: 6 }),
    );
    check("%3\r\n".into(), None);
    check("%4\r\n".into(), Some(Error::TooManyElements { limit: 6 }));
    check(
        format!("%{max}\r\n"),
        Some(Error::TooManyElements { limit: 6 }),
    );
    check("|0\r\n".repeat(6), None);
    check(
        "|0\r\n".repeat(7),
        Some(Error::TooManyElements { limit: 6 }),
    );
    check("+12345678\r\n".into(), None);
    check("+123456789".into(), None);
    check("+1234567890".into(), Some(Error::LineTooLong { limit: 8 }));
    check(
        "+123456789\r\n".into(),
        Some(Error::LineTooLong { limit: 8 }),
    );
    check("*3\r\n$10\r\n1234567890\r\n$10\r\n".into(), None);
    check(
        "*4\r\n$10\r\n1234567890\r\n+1\r\n$10\r\n".into(),
        Some(Error::FrameTooLong { limit: 40 }),
    );
}

#[test]
fn announced_lengths_cannot_overflow() {
    let limits = Limits {
        max_bulk: usize::MAX,
        ..Limits::relay()
    };
    let text = format!("*{max}\r\n${max}\r\n", max = usize::MAX);
    let error = Error::FrameTooLong { limit: usize::MAX };
    assert_eq!(Scanner::new(limits).scan(text.as_bytes()), Err(error));
}

#[test]
fn endless_nesting_is_an_error_and_not_an_abort() {
    for size in [40_000, 400_000] {
        let text = b"*1\r\n".repeat(size / 4);
        assert_eq!(scan(&text), Err(Error::TooDeep { limit: 32 }));
        let limits = Limits {
            max_depth: usize::MAX,
            ..Limits::reply()
        };
        assert_eq!(
            Scanner::new(limits).scan(&text),
            Err(Error::TooDeep { limit: 32 })
        );
    }
}

#[test]
fn large_arrays_are_not_scanned_twice() {
    // Rescanning on every read would look at 36 GB here, and this test would not end.
    let text = [b"*300000\r\n".to_vec(), b"$3\r\nabc\r\n".repeat(300_000)].concat();
    let mut scanner = Scanner::new(Limits::reply());
    for end in (0..text.len()).step_by(100) {
        assert_eq!(scanner.scan(&text[..end]), Ok(Progress::Need));
        assert!(scanner.scanned() + 9 >= end);
    }
    assert_eq!(scanner.scan(&text), Ok(Progress::Frame { len: text.len() }));
}

#[test]
fn long_lines_are_not_searched_twice() {
    let text = [b"+".to_vec(), b"x".repeat(60_000), b"\r\n".to_vec()].concat();
    let mut scanner = Scanner::new(Limits::reply());
    for end in 1..text.len() {
        assert_eq!(scanner.scan(&text[..end]), Ok(Progress::Need));
        assert_eq!(scanner.searched, (end - 1).min(60_000));
    }
    assert_eq!(scanner.scan(&text), Ok(Progress::Frame { len: text.len() }));
}

#[test]
fn a_payload_can_be_passed_on_while_it_arrives() {
    let mut scanner = Scanner::new(Limits::relay());
    let head = b"*2\r\n+a\r\n$400000000\r\n";
    assert_eq!(scanner.scan(head), Ok(Progress::Need));
    assert_eq!(scanner.scanned(), head.len() + 400_000_000);
    scanner.discard(head.len());
    let chunk = vec![0; 1_000_000];
    for _ in 0..400 {
        assert_eq!(scanner.scan(&chunk), Ok(Progress::Need));
        scanner.discard(chunk.len());
    }
    assert_eq!(scanner.scan(b"\r"), Ok(Progress::Need));
    assert_eq!(
        scanner.scan(b"\r\n+next\r\n"),
        Ok(Progress::Frame { len: 2 })
    );
    assert_eq!(scanner.scan(b"+next\r\n"), Ok(Progress::Frame { len: 7 }));
}

#[test]
fn what_was_passed_on_counts_towards_the_frame() {
    let mut scanner = Scanner::new(SMALL);
    assert_eq!(
        scanner.scan(b"*4\r\n$10\r\n1234567890\r\n"),
        Ok(Progress::Need)
    );
    scanner.discard(21);
    assert_eq!(scanner.scan(b"+123456\r\n"), Ok(Progress::Need));
    assert_eq!(
        scanner.scan(b"+123456\r\n$8\r\n"),
        Err(Error::FrameTooLong { limit: 40 })
    );
}
