use super::block_on;
use database::{Creation, Database, TimeLimits};
use ringtrack_tests::database_server::{DatabaseServer, ServerKind};
use std::net::TcpListener;
use std::time::{Duration, Instant};

/// How a database is refused, which must be within the limit of time, with some room for a busy machine.
fn refusal(url: &str) -> String {
    let limits = TimeLimits { connect: Duration::from_millis(700), ..TimeLimits::default() };
    let begin = Instant::now();
    let opened = block_on(Database::open_within(&url.parse().unwrap(), Creation::Now, limits));
    assert!(begin.elapsed() < Duration::from_secs(4), "{:?}", begin.elapsed());
    opened.unwrap_err().to_string()
}

#[test]
fn a_wrong_password_is_said_to_be_wrong() {
    for (kind, reason) in [
        (ServerKind::Postgres, "password authentication failed for user \"ringtrack\""),
        (ServerKind::MariaDb, "Access denied for user 'ringtrack'@'localhost'"),
    ] {
        let error = refusal(&DatabaseServer::shared(kind).url("tracker", "letmein"));
        assert!(error.contains(reason) && !error.contains("letmein"), "{error}");
    }
}

#[test]
fn a_server_that_is_not_there_is_said_to_refuse() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    for scheme in ["postgres", "mysql"] {
        let error = refusal(&format!("{scheme}://me:hunter2@127.0.0.1:{port}/tracker"));
        assert!(error.contains("Connection refused") && !error.contains("hunter2"), "{error}");
    }
}

#[test]
fn a_server_that_does_not_answer_is_given_up_in_time() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    for scheme in ["postgres", "mysql"] {
        let error = refusal(&format!("{scheme}://me@127.0.0.1:{port}/tracker"));
        assert_eq!(error, "no answer within 0.7 s when asked to connect");
    }
}

#[test]
fn a_file_that_cannot_be_made_is_an_error() {
    let error = refusal("sqlite:/nowhere/at/all/tracker.db");
    assert!(error.contains("unable to open database file"), "{error}");
}
