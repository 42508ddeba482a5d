//! Damaged and made-up sources: any result is right but a panic, and a produced configuration that cannot be loaded.

use super::{Scene, fixture, opentracker, torrust};
use config::ConfigError;
use import::{Mode, Overwrite, Plan, Source, check_output};
use proptest::prelude::*;
use proptest::sample::select;
use rustix::fs::{CWD, FileType, Mode as Permissions, mknodat};
use std::path::Path;

const CONFIGURATIONS: [&str; 4] =
    ["torrust.toml", "aquatic_udp.toml", "aquatic_http.toml", "aquatic_ws.toml"];

const VALUES: [&str; 10] =
    ["0", "-1", "true", "\"\"", "[]", "{}", "[[1]]", "99999999999999999999", "\"\\u0000\\n\"", "1.5"];

fn sources(scene: &Scene, text: &[u8]) -> [Source; 3] {
    let config = scene.file("config", text);
    [
        torrust(config.clone(), Path::new("x")),
        Source::Aquatic { configs: vec![config.clone()], access_list: None },
        opentracker(config),
    ]
}

/// Asserts that a produced configuration is accepted, unless the source contradicts itself: two listeners at one address.
/// Other keys that depend on each other are set together.
fn assert_loads(source: &Source) {
    let Ok(plan) = Plan::new(source, None) else { return };
    let loaded = config::load_text(Path::new("ringtrack.toml"), &plan.text(), []);
    let is_right = match &loaded {
        Ok(_) => true,
        Err(ConfigError::Conflict { reason, .. }) => reason.contains("is taken by"),
        Err(_) => false,
    };
    assert!(is_right, "{:?}\n{}", loaded.map(drop), plan.text());
}

/// A configuration of which a line is replaced by one of another.
fn mixed() -> impl Strategy<Value = String> {
    let texts = CONFIGURATIONS.map(|name| std::fs::read_to_string(fixture(name)).expect("a fixture"));
    let lines: Vec<String> = texts.iter().flat_map(|text| text.lines()).map(str::to_owned).collect();
    (
        select(texts.to_vec()),
        any::<prop::sample::Index>(),
        select(lines),
        proptest::option::of(select(&VALUES[..])),
    )
        .prop_map(|(text, place, mut line, value)| {
            if let (Some(value), Some((key, _))) = (value, line.split_once('=')) {
                line = format!("{key}= {value}");
            }
            let mut text: Vec<&str> = text.lines().collect();
            let place = place.index(text.len());
            text[place] = &line;
            text.join("\n")
        })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_of_a_configuration_is_translated_or_refused(text in mixed()) {
        for source in sources(&Scene::new(), text.as_bytes()) {
            assert_loads(&source);
        }
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let scene = Scene::new();
        for source in sources(&scene, &bytes) {
            assert_loads(&source);
        }
        let (config, list) = (scene.file("conf", ""), Some(scene.file("list", &bytes)));
        let source = Source::Opentracker { config, whitelist: list.clone(), blacklist: list.clone(), statedump: list };
        drop(scene.import(&source, Mode::DryRun));
    }

    #[test]
    fn a_damaged_database_is_read_or_refused(
        length in 0..32_768_usize,
        places in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..20),
        is_whole in any::<bool>(),
    ) {
        let mut bytes = std::fs::read(fixture("torrust.db")).expect("a fixture");
        bytes.truncate(if is_whole { bytes.len() } else { length.max(1) });
        for (place, byte) in places {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        let scene = Scene::new();
        let database = scene.file("torrust.db", &bytes);
        drop(scene.import(&torrust(fixture("torrust.toml"), &database), Mode::DryRun));
        prop_assert_eq!(std::fs::read(database).expect("a file"), bytes);
    }
}

#[test]
fn endless_and_overlong_files_are_refused_or_cut() {
    let scene = Scene::new();
    let config = scene.file("conf", "x".repeat(2 << 20));
    let error = Plan::new(&opentracker(config), None).unwrap_err();
    assert!(error.to_string().contains("too long for a configuration file"), "{error}");
    let config = scene.file("conf", "");
    let of_list = |whitelist| Source::Opentracker {
        config: config.clone(),
        whitelist: Some(whitelist),
        blacklist: None,
        statedump: None,
    };
    let pipe = scene.path("pipe");
    mknodat(CWD, &pipe, FileType::Fifo, Permissions::RUSR, 0).unwrap();
    let of_pipe = [opentracker(pipe.clone()), of_list(pipe.clone()), torrust(fixture("torrust.toml"), &pipe)];
    for source in of_pipe.into_iter().chain([of_list("/dev/zero".into())]) {
        let error = scene.import(&source, Mode::DryRun).unwrap_err();
        assert!(error.to_string().contains("is not a regular file"), "{error}");
    }
    let error = check_output(&pipe, "", Overwrite::Refuse).unwrap_err();
    assert!(error.to_string().contains("is not a regular file"), "{error}");
    let text = format!("{}\n1111111111111111111111111111111111111111\n", "x".repeat(3_000_000));
    let report = scene.import(&of_list(scene.file("list", text)), Mode::DryRun).unwrap();
    assert_eq!((report.parts[0].written, report.parts[0].invalid), (1, 1));
}
