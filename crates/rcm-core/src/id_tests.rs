use super::*;
use alloc::format;
use alloc::string::ToString;

#[test]
fn addresses_are_read_as_people_write_them() {
    for (text, host, port) in [
        ("10.0.0.1:6380", "10.0.0.1", 6380),
        ("10.0.0.2", "10.0.0.2", 6379),
        ("redis-1.example.org", "redis-1.example.org", 6379),
        ("localhost:7000", "localhost", 7000),
        ("::1", "::1", 6379),
        ("[::1]", "::1", 6379),
        ("[fe80::2]:6381", "fe80::2", 6381),
    ] {
        assert_eq!(text.parse(), Ok(Address::new(host, port)), "{text}");
    }
}

#[test]
fn a_bad_address_is_refused_by_name() {
    for (text, error) in [
        (
            ":6379",
            "`:6379` has no host; write HOST:PORT, such as 10.0.0.1:6379",
        ),
        (
            "host:",
            "`host:` has no valid port; a port is a number from 1 to 65535",
        ),
        (
            "host:0",
            "`host:0` has no valid port; a port is a number from 1 to 65535",
        ),
        (
            "host:70000",
            "`host:70000` has no valid port; a port is a number from 1 to 65535",
        ),
        ("[::1", "`[::1` is not a host name or IP address"),
        ("[host]:1", "`[host]:1` is not a host name or IP address"),
        (
            "[::1]x",
            "`[::1]x` has no valid port; a port is a number from 1 to 65535",
        ),
        (
            "fe80::2::1:6379",
            "`fe80::2::1:6379` is ambiguous; write an IPv6 address with its port as [fe80::2::1:6379]:6379",
        ),
        ("a b", "`a b` is not a host name or IP address"),
        ("--host", "`--host` is not a host name or IP address"),
    ] {
        assert_eq!(text.parse::<Address>().unwrap_err().to_string(), error);
    }
}

#[test]
fn an_address_survives_being_written_and_read() {
    for text in ["10.0.0.1:6380", "[::1]:6379", "name:1"] {
        assert_eq!(text.parse::<Address>().unwrap().to_string(), text);
    }
}

#[test]
fn ids_are_forty_hexadecimal_digits() {
    let text = "00112233445566778899aabbccddeeff00112233";
    let id: RunId = text.parse().unwrap();
    assert_eq!(id.to_string(), text);
    assert_eq!(id.short().to_string(), "00112233");
    for bad in ["", "0011", &format!("{text}0"), &text.replace('a', "g")] {
        assert_eq!(bad.parse::<RunId>(), Err(NotAnId), "{bad}");
    }
}

#[test]
fn names_cannot_break_out_of_a_client_name() {
    assert!("mymaster".parse::<GroupName>().is_ok());
    for bad in ["", "a:b", "a b", "a\nb", &"x".repeat(65)] {
        assert!(bad.parse::<GroupName>().is_err(), "{bad:?}");
    }
}
