use super::*;

/// Everything in `stream` as arrays of words, cut at `cut`, or the first mistake.
fn read(stream: &[u8], cut: usize) -> Result<Vec<Vec<Vec<u8>>>, Error> {
    let mut input = BytesMut::new();
    let mut found = Vec::new();
    for piece in [&stream[..cut], &stream[cut..]] {
        input.extend_from_slice(piece);
        loop {
            match front(&input)? {
                Front::Unknown => break,
                Front::Nothing(len) => skip(&mut input, len),
                Front::Inline(len) => unfold(&mut input, len)?,
                Front::Array(shape) if !shape.whole => break,
                Front::Array(shape) => {
                    let request = input.split_to(shape.len);
                    found.push(words(&request[shape.head..]).map(<[u8]>::to_vec).collect());
                }
            }
        }
    }
    Ok(found)
}

/// The same as the decoder that reads requests whole, however the stream is cut.
fn check(stream: &[u8]) {
    let mut decoder = RequestDecoder::new(Limits {
        max_elements: usize::MAX,
        ..Limits::request()
    });
    decoder.feed(stream);
    let mut expected = Vec::new();
    let end = loop {
        match decoder.next_request() {
            Ok(Some(request)) => expected.push(
                request
                    .words()
                    .iter()
                    .map(|word| word.to_vec())
                    .collect::<Vec<_>>(),
            ),
            Ok(None) => break Ok(expected),
            Err(error) => break Err(error),
        }
    };
    for cut in 0..=stream.len() {
        assert_eq!(read(stream, cut), end, "cut at {cut}: {stream:?}");
    }
}

#[test]
fn requests_are_found_as_the_decoder_finds_them() {
    for stream in [
        &b"*1\r\n$4\r\nPING\r\n"[..],
        b"*2\r\n$3\r\nGET\r\n$0\r\n\r\n*1\r\n$4\r\nPING\r\n",
        b"PING\r\nSET k \"a b\"\n\r\n*0\r\n*-1\r\nGET k\r\n",
        b"  \r\n*1\r\n$4\r\nPI",
        b"*1\r\n:5\r\n",
        b"*x\r\n",
        b"*01\r\n$1\r\na\r\n",
        b"*1\r\n$-1\r\n",
        b"*1\r\n$1\r\nabc",
        b"GET 'a\r\n",
    ] {
        check(stream);
    }
}

#[test]
fn a_long_request_is_passed_on_while_it_arrives() {
    let head = b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$10\r\n012";
    let Ok(Front::Array(shape)) = front(head) else {
        panic!("not an array")
    };
    assert!(!shape.whole);
    assert_eq!(shape.len, head.len());
    let known: Vec<_> = words(&head[shape.head..]).collect();
    assert_eq!(known, [&b"SET"[..], b"k"]);
    let mut rest = shape.rest;
    assert_eq!(rest.advance(b"34567"), Ok(5));
    assert_eq!(rest.advance(b"89\r"), Ok(3));
    assert!(!rest.is_over());
    assert_eq!(rest.advance(b"\n*1\r\n"), Ok(1));
    assert!(rest.is_over());
}

#[test]
fn a_request_that_cannot_be_short_is_not_waited_for() {
    let check = |head: &str, may_go_on| match front(head.as_bytes()) {
        Ok(Front::Array(shape)) => assert_eq!(shape.may_go_on(head.len()), may_go_on, "{head}"),
        other => panic!("{other:?}"),
    };
    check("*1\r\n$4\r\nPING\r\n", true);
    check("*1\r\n$4\r\nPING", false);
    check("*1\r\n$99999999\r\n", true);
    check("*2\r\n$3\r\nGET\r\n$100\r\nabc", false);
}

#[test]
fn endless_lines_and_counts_are_refused() {
    let long = vec![b'1'; LINE_LIMIT + 1];
    assert_eq!(front(b"*2147483648\r\n"), Err(Error::MultibulkLength));
    assert_eq!(front(&long), Err(Error::InlineTooBig));
    let count = [b"*", long.as_slice()].concat();
    assert_eq!(front(&count), Err(Error::MultibulkCountTooBig));
    let length = [b"*1\r\n$", long.as_slice()].concat();
    assert_eq!(front(&length), Err(Error::BulkCountTooBig));
}
