use super::*;
use std::io::Write;

#[test]
fn a_file_of_retracker_is_a_list_of_upstream_trackers() {
    let text = "---\n\
        # Public ones\n\
        - uri: http://tracker.example/announce\n\
        \n\
        - uri: \"http://tracker.example:6969/announce\"\n  name: 'second one'\n  ip: 192.0.2.7\n  host: retracker.local\n\
        - {uri: https://tracker.example/announce?passkey=1, name: 3, host: ~}\n\
        - name:\n  uri: udp://other.example\n";
    let upstreams = parse_upstreams(text).unwrap();
    let names: Vec<&str> = upstreams.iter().map(|upstream| &*upstream.name).collect();
    assert_eq!(names[1..3], ["second one", "3"]);
    assert_eq!(names.len(), 4);
    let hosts: Vec<_> = upstreams.iter().map(|upstream| upstream.host.as_deref()).collect();
    assert_eq!(hosts, [None, Some("retracker.local"), None, None]);
}

#[test]
fn an_empty_list_is_possible() {
    for text in ["", "\n", "# nothing yet\n", "---\n", "---\n...\n", "[]", "--- []\n# end\n", "~"] {
        assert_eq!(parse_upstreams(text), Ok(Vec::new()), "{text:?}");
    }
}

#[test]
fn what_is_wrong_is_named_with_its_line() {
    let deep = format!("- uri: {}", "[".repeat(100_000));
    for (text, error) in [
        (
            "- uri: udp://a.example\n  url: x\n",
            "line 2: unknown key \"url\": uri, name, ip, host are possible",
        ),
        ("- uri: udp://a.example\n  \"a\\nb\": x\n", "line 2: unknown key: uri, name, ip, host"),
        ("- {uri:https://t.example/0123456789abcdef}\n", "line 1: unknown key: uri, name, ip, host"),
        ("- abcdefghijklmnopqrstu: x\n", "line 1: unknown key: uri, name, ip, host"),
        ("- uri: udp://a.example\n- name: x\n", "line 2: uri is missing"),
        ("- uri: udp://a.example\n  uri: udp://b.example\n", "line 2: uri occurs twice"),
        (
            "- uri: udp://a.example\n- uri: udp://b.example\n- uri: udp://a.example\n",
            "line 3: the same uri as in line 1",
        ),
        ("- uri: udp://a.example\n  ip: [192.0.2.1]\n", "line 2: ip: expected a text"),
        ("- uri: &a udp://a.example\n  name: *a\n", "line 2: name: aliases are not possible"),
        ("- udp://a.example\n", "line 1: expected an upstream tracker with the keys uri, name, ip, host"),
        ("- uri: udp://a.example\n-\n", "line 2: expected an upstream tracker with the keys"),
        ("# one\nuri: udp://a.example\n", "line 2: expected a list of upstream trackers"),
        ("udp://a.example\n", "line 1: expected a list of upstream trackers"),
        ("- uri: udp://a.example\n---\n- uri: udp://b.example\n", "line 2: expected the end of the file"),
        ("- uri: udp://a.example\n  name: \"x\n", "not valid YAML: "),
        ("- uri: *unknown\n", "line 1: not valid YAML: "),
        ("- [[[[", "line 1: expected an upstream tracker"),
        (&deep, "line 1: uri: expected a text"),
        ("- uri: nonsense\n", "line 1: "),
    ] {
        let found = parse_upstreams(text).unwrap_err().to_string();
        assert!(found.contains(error) && found.starts_with("line "), "{found}");
        assert!(found.lines().count() == 1 && found.len() < 200, "{found}");
    }
}

#[test]
fn a_list_has_a_limit() {
    let list =
        |count| (0..count).map(|number| format!("- uri: udp://{number}.example\n")).collect::<String>();
    assert_eq!(parse_upstreams(&list(UPSTREAMS_MAX)).unwrap().len(), UPSTREAMS_MAX);
    let error = parse_upstreams(&list(UPSTREAMS_MAX + 1)).unwrap_err().to_string();
    assert_eq!(error, format!("line {}: at most 256 upstream trackers are possible", UPSTREAMS_MAX + 1));
}

#[test]
fn errors_of_a_file_name_it() {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    let path = file.path().to_owned();
    assert_eq!(read_upstreams(&path), Ok(Vec::new()));
    file.write_all(b"\nx: y\n").unwrap();
    let error = read_upstreams(&path).unwrap_err().to_string();
    assert!(error.starts_with(&format!("{}: line 2: expected a list", path.display())), "{error}");
    file.write_all(&vec![b'#'; 1 << 20]).unwrap();
    let error = read_upstreams(&path).unwrap_err().to_string();
    assert!(
        error.ends_with("longer than 1048576 bytes, the limit of a file of upstream trackers"),
        "{error}"
    );
    drop(file);
    assert!(read_upstreams(&path).unwrap_err().to_string().starts_with(&format!("{}: ", path.display())));
}
