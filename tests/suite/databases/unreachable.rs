use super::{Backend, Place, block_on};
use database::{Creation, Database, DatabaseError, TimeLimits};
use ringtrack_tests::database_server::{DatabaseServer, ServerKind};
use socket2::{Domain, Socket, Type};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::time::Duration;

use crate::patience::PATIENCE;

/// The error of a database that has this long to accept a connection.
fn refused(connect: Duration, url: &str) -> DatabaseError {
    let limits = TimeLimits { connect, ..TimeLimits::default() };
    block_on(Database::open_within(&url.parse().unwrap(), Creation::Now, limits)).unwrap_err()
}

/// The text of such an error, after which a retry may succeed.
fn refusal_within(connect: Duration, url: &str) -> String {
    let error = refused(connect, url);
    assert!(error.may_pass(), "{error}");
    error.to_string()
}

/// The text of an error after which a retry cannot succeed.
fn lasting_refusal(url: &str) -> String {
    let error = refused(PATIENCE, url);
    assert!(!error.may_pass(), "{error}");
    error.to_string()
}

/// The text of an error that comes at once and allows a retry. The time limit suits a busy machine.
fn refusal(url: &str) -> String {
    refusal_within(PATIENCE, url)
}

#[test]
fn a_wrong_password_is_reported_as_such() {
    for (kind, reason) in [
        (ServerKind::Postgres, "password authentication failed for user \"ringtrack\""),
        (ServerKind::MariaDb, "Access denied for user 'ringtrack'@'localhost'"),
    ] {
        let error = refusal(&DatabaseServer::shared(kind).url("tracker", "letmein"));
        assert!(error.contains(reason) && !error.contains("letmein"), "{error}");
    }
}

#[test]
fn a_missing_server_is_reported_as_connection_refused() {
    // A reserved port on which nothing listens.
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into()).unwrap();
    let port = socket.local_addr().unwrap().as_socket().unwrap().port();
    for scheme in ["postgres", "mysql"] {
        let error = refusal(&format!("{scheme}://me:hunter2@127.0.0.1:{port}/tracker"));
        assert!(error.contains("Connection refused") && !error.contains("hunter2"), "{error}");
    }
}

#[test]
fn a_server_that_does_not_answer_is_abandoned_after_the_time_limit() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    for scheme in ["postgres", "mysql"] {
        let url = format!("{scheme}://me@127.0.0.1:{port}/tracker");
        let error = refusal_within(Duration::from_millis(700), &url);
        assert_eq!(error, "no answer within 0.7 s when asked to connect");
    }
}

#[test]
fn a_path_that_cannot_be_a_file_is_a_lasting_error() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().to_str().unwrap();
    for (path, reason) in [("/nowhere/at/all/tracker.db", "No such file"), (folder, "is a directory")] {
        let error = lasting_refusal(&format!("sqlite:{path}"));
        assert!(error.contains(path) && error.contains(reason), "{error}");
    }
}

#[test]
fn a_file_that_is_no_database_is_a_lasting_error() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), [b'x'; 4096]).unwrap();
    let error = lasting_refusal(&format!("sqlite:{}", file.path().display()));
    assert!(error.contains("not a database"), "{error}");
}

#[test]
fn a_table_of_another_program_is_a_lasting_error() {
    for backend in [Backend::Sqlite, Backend::MariaDb, Backend::Postgres] {
        let place = Place::new(backend, "others");
        block_on(super::execute(&place, "CREATE TABLE torrents (a INTEGER)"));
        let error = lasting_refusal(&place.url);
        assert!(error.contains("exists"), "{error}");
    }
}
