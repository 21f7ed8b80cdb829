use super::*;

fn task(purpose: Purpose, group: &str, word: &str) -> Task {
    Task {
        purpose,
        group: group.parse().unwrap(),
        path: PathBuf::from("/bin/script"),
        arguments: vec![word.to_owned()],
    }
}

fn news(word: &str) -> Task {
    task(Purpose::Notification, "a", word)
}

fn switch(group: &str, word: &str) -> Task {
    task(Purpose::Switch, group, word)
}

fn at(seconds: u64) -> Instant {
    Instant::after_start(Duration::from_secs(seconds))
}

/// The arguments of everything that may start.
fn start_all(board: &mut Board, now: Instant) -> Vec<String> {
    std::iter::from_fn(|| board.start_next(now))
        .map(|(_, task)| task.arguments.concat())
        .collect()
}

fn few() -> Limits {
    Limits {
        running: 3,
        kept_for_switches: 1,
        waiting: 2,
        ..Limits::default()
    }
}

#[test]
fn news_leave_places_for_switches_which_go_first() {
    let mut board = Board::new(few());
    for word in ["1", "2", "3", "4"] {
        board.schedule(news(word), at(0));
        if word == "2" {
            assert_eq!(start_all(&mut board, at(0)), ["1", "2"]);
        }
    }
    assert_eq!(start_all(&mut board, at(0)), [""; 0]);
    board.schedule(switch("a", "5"), at(0));
    board.schedule(switch("b", "6"), at(0));
    assert_eq!(start_all(&mut board, at(0)), ["5"]);
    // What is due and has no place is waited for by nobody's clock.
    assert_eq!(board.next_due(at(0)), None);
}

#[test]
fn the_oldest_that_waits_makes_room_and_news_before_switches() {
    let mut board = Board::new(few());
    let mut dropped = Vec::new();
    for task in [
        switch("a", "1"),
        news("2"),
        news("3"),
        switch("b", "4"),
        switch("c", "5"),
    ] {
        dropped.extend(board.schedule(task, at(0)));
    }
    let expected = [news("2"), news("3"), switch("a", "1")];
    assert_eq!(dropped, expected.map(|task| (task, Dropped::TooMany)));
}

#[test]
fn a_failure_is_repeated_ever_later_and_ten_times_at_most() {
    let mut board = Board::new(Limits::default());
    board.schedule(news("1"), at(0));
    let mut now = at(0);
    for run in 0..9 {
        let (id, _) = board.start_next(now).unwrap();
        let end = if run % 2 == 0 {
            End::Exited(1)
        } else {
            End::Signalled(9)
        };
        let after = Duration::from_secs(30 << run);
        assert_eq!(board.ended(id, &end, now), Sequel::Again { after });
        assert_eq!(board.start_next(now + after / 2), None);
        now = board.next_due(now).unwrap();
    }
    let (id, _) = board.start_next(now).unwrap();
    assert_eq!(board.pending(now)[0].runs, 10);
    assert_eq!(board.ended(id, &End::TooLong, now), Sequel::GivenUp);
    assert_eq!(board.pending(now), []);
}

#[test]
fn only_what_asks_for_it_is_repeated() {
    for (end, sequel) in [
        (End::Exited(0), Sequel::Done),
        (End::Exited(2), Sequel::GivenUp),
        (End::Exited(255), Sequel::GivenUp),
        (End::NotRunnable("no such file".into()), Sequel::GivenUp),
        (End::Stopped, Sequel::GivenUp),
        (
            End::NotStarted("no memory".into()),
            Sequel::Again {
                after: Duration::from_secs(30),
            },
        ),
    ] {
        let mut board = Board::new(Limits::default());
        board.schedule(news("1"), at(0));
        let (id, _) = board.start_next(at(0)).unwrap();
        assert_eq!(board.ended(id, &end, at(0)), sequel, "{end}");
    }
}

#[test]
fn a_later_switch_overtakes_earlier_ones_of_its_group() {
    let mut board = Board::new(Limits::default());
    board.schedule(switch("a", "1"), at(0));
    let (running, _) = board.start_next(at(0)).unwrap();
    board.schedule(switch("b", "other group"), at(0));
    assert_eq!(board.schedule(switch("a", "2"), at(1)), []);
    let dropped = board.schedule(switch("a", "3"), at(2));
    assert_eq!(dropped, [(switch("a", "2"), Dropped::Overtaken)]);
    assert_eq!(
        board.ended(running, &End::Exited(1), at(3)),
        Sequel::GivenUp,
        "clients must not be sent back later"
    );
    assert_eq!(start_all(&mut board, at(3)), ["other group", "3"]);
}

#[test]
fn what_runs_and_what_waits_can_be_seen() {
    let mut board = Board::new(Limits::default());
    board.schedule(news("1"), at(0));
    board.schedule(news("2"), at(0));
    let (first, _) = board.start_next(at(1)).unwrap();
    let (second, _) = board.start_next(at(1)).unwrap();
    board.ended(first, &End::Exited(1), at(2));
    board.started(second, 77);
    let pending = |word: &str, progress| Pending {
        argv: vec!["/bin/script".to_owned(), word.to_owned()],
        progress,
        runs: 1,
    };
    let scheduled = Progress::Scheduled {
        delay: Duration::from_secs(20),
    };
    let running = Progress::Running {
        pid: Some(77),
        time: Duration::from_secs(11),
    };
    let expected = [pending("1", scheduled), pending("2", running)];
    assert_eq!(board.pending(at(12)), expected);
}

#[test]
fn a_closed_board_only_waits_for_what_runs() {
    let mut board = Board::new(Limits::default());
    board.schedule(news("1"), at(0));
    let (running, _) = board.start_next(at(0)).unwrap();
    board.schedule(news("2"), at(0));
    assert_eq!(board.close(), 1);
    board.schedule(news("3"), at(0));
    assert!(!board.is_finished());
    let sequel = board.ended(running, &End::Exited(1), at(0));
    assert_eq!(sequel, Sequel::GivenUp);
    assert!(board.is_finished());
}
