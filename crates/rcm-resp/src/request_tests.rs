use super::*;

fn decoder(bytes: &[u8]) -> RequestDecoder {
    let mut decoder = RequestDecoder::new(Limits::request());
    decoder.feed(bytes);
    decoder
}

/// Checks the requests in `text`, and what comes after them: `None` or an error.
#[track_caller]
fn check(text: &str, requests: &[&[&str]], end: Option<Error>) {
    let mut decoder = decoder(text.as_bytes());
    for words in requests {
        let request = decoder.next_request().unwrap().unwrap();
        assert_eq!(request.words(), *words, "{text:?}");
    }
    assert_eq!(
        decoder.next_request(),
        end.map_or(Ok(None), Err),
        "{text:?}"
    );
}

#[test]
fn arrays_and_lines_are_requests() {
    check("*1\r\n$4\r\nPING\r\n", &[&["PING"]], None);
    check(
        "*2\r\n$3\r\nGET\r\n$4\r\n\r\n\0\n\r\n",
        &[&["GET", "\r\n\0\n"]],
        None,
    );
    check("*1\r\n$0\r\n\r\n", &[&[""]], None);
    check("PING\r\n", &[&["PING"]], None);
    check("PING\n", &[&["PING"]], None);
    check(
        "set k \"a b\"\n*1\r\n$4\r\nPING\r\nping\r\n",
        &[&["set", "k", "a b"], &["PING"], &["ping"]],
        None,
    );
    check("\"\"\r\n", &[&[""]], None);
}

#[test]
fn requests_of_no_words_are_skipped() {
    check(
        "\r\n\n  \r\n*0\r\n*-1\r\n*-7\r\nPING\r\n",
        &[&["PING"]],
        None,
    );
}

#[test]
fn half_a_request_is_none_yet() {
    let text = "*2\r\n$4\r\nECHO\r\n$2\r\nhi\r\n";
    for prefix in (0..text.len()).filter_map(|end| text.get(..end)) {
        check(prefix, &[], None);
    }
    check("PING", &[], None);
    check("PING\r", &[], None);
}

#[test]
fn errors_are_those_of_redis() {
    for text in [
        "*\r\n",
        "*x\r\n",
        "*1x\r\n",
        "*01\r\n",
        "*+1\r\n",
        "*-0\r\n",
        "* 1\r\n",
        "*1\0\r\n",
        "*1\rx",
        "*1025\r\n",
        "*99999999999999999999\r\n",
        "*?\r\n",
    ] {
        check(text, &[], Some(Error::MultibulkLength));
    }
    for text in [
        "$\r\n",
        "$-1\r\n",
        "$-0\r\n",
        "$01\r\n",
        "$+1\r\n",
        "$1x\r\n",
        "$1\rx",
        "$65537\r\n",
        "$99999999999999999999\r\n",
        "$?\r\n",
    ] {
        check(&format!("*1\r\n{text}"), &[], Some(Error::BulkLength));
    }
    check("*1\r\nx", &[], Some(Error::ExpectedBulk(b'x')));
    check("*1\r\n:1\r\n", &[], Some(Error::ExpectedBulk(b':')));
    check(
        "*2\r\n$1\r\na\r\n\r\n",
        &[],
        Some(Error::ExpectedBulk(b'\r')),
    );
    check("*1\r\n*1\r\n", &[], Some(Error::ExpectedBulk(b'*')));
    check("*1\r\n$1\r\nab\r\n", &[], Some(Error::PayloadEnding));
    check("GET \"k\r\n", &[], Some(Error::UnbalancedQuotes));
    check(
        "PING\r\nGET 'k\r\n",
        &[&["PING"]],
        Some(Error::UnbalancedQuotes),
    );
}

#[test]
fn endless_lines_are_refused_before_they_end() {
    let limit = Limits::request().max_inline;
    check(&"x".repeat(limit), &[], None);
    check(&"x".repeat(limit + 1), &[], Some(Error::InlineTooBig));
    check(
        &format!("{}\n", "x".repeat(limit + 1)),
        &[],
        Some(Error::InlineTooBig),
    );
    check(
        &format!("*{}", "1".repeat(limit)),
        &[],
        Some(Error::MultibulkCountTooBig),
    );
    check(
        &format!("*1\r\n${}", "1".repeat(limit)),
        &[],
        Some(Error::BulkCountTooBig),
    );
    let longest = "x".repeat(limit);
    check(&format!("{longest}\n"), &[&[&longest]], None);
}

#[test]
fn requests_longer_than_a_frame_are_refused_before_they_arrive() {
    let word = format!("$65536\r\n{}\r\n", "x".repeat(65536));
    let text = format!("*16\r\n{}$65536\r\n", word.repeat(15));
    check(&text, &[], Some(Error::FrameTooLong { limit: 1 << 20 }));
}

#[test]
fn announced_words_take_no_memory() {
    let mut decoder = decoder(b"*1024\r\n$65536\r\n");
    assert_eq!(decoder.next_request(), Ok(None));
    assert_eq!(decoder.words.capacity(), 0);
    assert!(decoder.buffer.capacity() < 64);
}

#[test]
fn long_lines_are_not_searched_twice() {
    let mut decoder = decoder(b"");
    for length in 1..60_000 {
        decoder.feed(b"x");
        assert_eq!(decoder.next_request(), Ok(None));
        assert_eq!(decoder.searched, length);
    }
}

#[test]
fn the_first_error_is_also_the_last() {
    let mut decoder = decoder(b"*x\r\n");
    assert_eq!(decoder.next_request(), Err(Error::MultibulkLength));
    decoder.feed(b"PING\r\n");
    assert_eq!(decoder.next_request(), Err(Error::MultibulkLength));
}

#[test]
fn clients_are_told_what_redis_would_tell_them() {
    let told = crate::Frame::protocol_error(&Error::ExpectedBulk(b'x'));
    assert_eq!(
        told.as_error().as_deref(),
        Some("ERR Protocol error: expected '$', got 'x'")
    );
}

#[test]
fn names_are_compared_in_either_case() {
    let request = decoder(b"sentinel Masters\n")
        .next_request()
        .unwrap()
        .unwrap();
    assert!(request.is("SENTINEL"));
    assert!(!request.is("SENTINELS"));
    assert_eq!(request.arguments(), ["Masters"]);
    assert_eq!(request.clone().into_words(), ["sentinel", "Masters"]);
}
