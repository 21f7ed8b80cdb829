//! Clients for whom a load balancer speaks.

use redis_cluster_monitor::config::Proxy as Settings;
use redis_cluster_monitor::local::{Version, wait_for};

use super::{Appointed, Wire, show, wire};
use crate::monitor::{SOON, State, builder, check};

fn expecting(from: &str) -> Settings {
    Settings {
        proxy_protocol: true,
        proxy_protocol_from: vec![from.parse().unwrap()],
        ..Settings::default()
    }
}

#[test]
fn who_is_announced_is_served_with_what_came_behind_the_header() {
    check((|| {
        let server = builder(Version::System)?.start()?;
        let appointed = Appointed::at(server.address(), &expecting("127.0.0.0/8"));
        let binary = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\x0a\0\0\x07\x0a\0\0\x01\x30\x39\x18\xeb";
        let text = b"PROXY TCP4 10.0.0.7 10.0.0.1 12345 6379\r\n";
        for header in [&binary[..], text, b"PROXY UNKNOWN\r\n"] {
            let mut client = appointed.client();
            client.write(&[header, &wire("PING")[..]].concat());
            assert_eq!(show(&client.frame()), "PONG");
            let mut slow = appointed.client();
            for byte in header {
                slow.write(&[*byte]);
            }
            assert_eq!(slow.ask("PING"), "PONG");
        }
        assert_eq!(appointed.proxy.counters().accepted.get(), 6);
        Ok(())
    })());
}

#[test]
fn a_load_balancer_without_a_header_is_told() {
    check((|| {
        let server = builder(Version::System)?.start()?;
        let appointed = Appointed::at(server.address(), &expecting("127.0.0.0/8"));
        let mut client = appointed.client();
        let answer = client.ask("PING");
        let wanted = "-ERR the PROXY protocol is expected from this address: it does not begin \
                      with a header";
        assert_eq!(answer, wanted);
        assert_eq!(client.try_frame(), None);
        let mut mute = appointed.client();
        let answer = show(&mute.frame());
        assert!(answer.ends_with("did not come within 3 s"), "{answer}");
        drop(appointed.client());
        let counters = appointed.proxy.counters();
        wait_for(SOON, "both turned away", || counters.turned_away.get() == 2)?;
        assert_eq!(counters.accepted.get(), 0);
        Ok(())
    })());
}

#[test]
fn nobody_else_can_claim_to_be_somebody() {
    check((|| {
        let server = builder(Version::System)?.start()?;
        let appointed = Appointed::at(server.address(), &expecting("10.0.0.0/8"));
        let mut client = appointed.client();
        assert_eq!(client.ask("PING"), "PONG");
        client.write(b"PROXY TCP4 10.0.0.7 10.0.0.1 12345 6379\r\n");
        let answer = show(&client.frame());
        assert!(answer.starts_with("-ERR unknown command"), "{answer}");
        Ok(())
    })());
}

#[test]
fn the_log_names_who_is_announced() {
    check((|| {
        let server = builder(Version::System)?.start()?;
        server.text(&["SET", "large", &"x".repeat(1 << 20)])?;
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("m.toml");
        let text = format!(
            "[groups.mymaster]\nnodes = [\"{}\"]\nproxy = \"127.0.0.1:0\"\n[proxy]\n\
             proxy_protocol = true\nproxy_protocol_from = [\"127.0.0.1\"]\nslow_after = \"100ms\"\n",
            server.address()
        );
        std::fs::write(&file, text).unwrap();
        let state = State::new();
        let monitor = state.subcommand(&["run", "--config", file.to_str().unwrap(), "-v"]);
        monitor.wait_for("primary-adopted")?;
        let mut client = Wire::connect(monitor.proxy()?);
        client.write(b"PROXY TCP4 10.0.0.7 10.0.0.1 12345 6379\r\n");
        for _ in 0..64 {
            client.send("GET large");
        }
        // It reads nothing.
        monitor.find("the client's end", |line| {
            let message = line["message"].as_str()?;
            message
                .contains("client 10.0.0.7:12345 is disconnected")
                .then_some(())
        })?;
        Ok(())
    })());
}
