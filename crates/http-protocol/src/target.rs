use crate::status::Status;
use memchr::memchr;
use primitives::{KeyInPath, path_segments};

/// The endpoint that a request is for, from the path of its target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Route {
    /// `/announce`, with the key in the path.
    Announce(KeyInPath),
    /// `/scrape`, with the key in the path.
    Scrape(KeyInPath),
    HealthCheck,
    /// Something for browsers.
    Site(SitePath),
    /// `OPTIONS` for any target.
    Options,
    NotFound,
}

/// What the tracker has for browsers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SitePath {
    /// `/`
    Root,
    /// `/stats`
    Statistics,
    /// `/stats.json`
    StatisticsJson,
    /// `/robots.txt`
    Robots,
    /// `/favicon.ico`
    Favicon,
}

/// The target of a request, split into path and query.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Target<'a> {
    path: &'a [u8],
    pub(crate) query: &'a [u8],
}

impl<'a> Target<'a> {
    /// Parses a target in origin form (`/path?query`) or, as sent to proxies, in absolute form (RFC 9112, 3.2).
    pub(crate) fn parse(target: &'a [u8]) -> Result<Self, Status> {
        let target = without_origin(target);
        let query_start = memchr(b'?', target).unwrap_or(target.len());
        let (path, query) = target.split_at_checked(query_start).ok_or(Status::BadRequest)?;
        let path = match path {
            [] => b"/",
            [b'/', ..] => path,
            _ => return Err(Status::BadRequest),
        };
        Ok(Self { path, query: query.get(1..).unwrap_or_default() })
    }

    pub(crate) fn route(&self) -> Route {
        let mut segments = path_segments(self.path);
        let mut next = || segments.next().unwrap_or_default();
        match [next(), next(), next()] {
            [b"announce", key, b""] => Route::Announce(KeyInPath::of(key)),
            [b"scrape", key, b""] => Route::Scrape(KeyInPath::of(key)),
            [b"health_check", b"", _] => Route::HealthCheck,
            [path, b"", _] => SitePath::of(path).map_or(Route::NotFound, Route::Site),
            _ => Route::NotFound,
        }
    }
}

impl SitePath {
    fn of(path: &[u8]) -> Option<Self> {
        match path {
            b"" => Some(Self::Root),
            b"stats" => Some(Self::Statistics),
            b"stats.json" => Some(Self::StatisticsJson),
            b"robots.txt" => Some(Self::Robots),
            b"favicon.ico" => Some(Self::Favicon),
            _ => None,
        }
    }
}

/// Returns the target without `http://authority`. The host does not matter, because there is only one tracker.
fn without_origin(target: &[u8]) -> &[u8] {
    let after_scheme = [b"http://".as_slice(), b"https://"].iter().find_map(|scheme| {
        let (start, rest) = target.split_at_checked(scheme.len())?;
        start.eq_ignore_ascii_case(scheme).then_some(rest)
    });
    let Some(rest) = after_scheme else { return target };
    let authority = rest.iter().position(|byte| matches!(byte, b'/' | b'?')).unwrap_or(rest.len());
    rest.get(authority..).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use primitives::AuthenticationKey;

    const KEY: &str = "0123456789ABCDEFghijklmnopqrstuv";

    fn route(target: &str) -> Route {
        Target::parse(target.as_bytes()).unwrap().route()
    }

    #[test]
    fn announces_and_scrapes_come_with_or_without_a_key() {
        let key = AuthenticationKey::parse(KEY.as_bytes()).unwrap();
        assert_eq!(route("/announce?a=b"), Route::Announce(KeyInPath::Absent));
        assert_eq!(route("/announce/"), Route::Announce(KeyInPath::Absent));
        assert_eq!(route(&format!("/announce/{KEY}?a=b")), Route::Announce(KeyInPath::Present(key)));
        assert_eq!(route(&format!("/scrape/{KEY}")), Route::Scrape(KeyInPath::Present(key)));
        assert_eq!(route("/scrape"), Route::Scrape(KeyInPath::Absent));
    }

    #[test]
    fn extra_slashes_are_ignored() {
        let key = KeyInPath::Present(AuthenticationKey::parse(KEY.as_bytes()).unwrap());
        for (target, expected) in [
            ("//announce?a=b", Route::Announce(KeyInPath::Absent)),
            ("///announce//?a=b", Route::Announce(KeyInPath::Absent)),
            ("http://tracker.example//announce", Route::Announce(KeyInPath::Absent)),
            (&format!("//announce/{KEY}"), Route::Announce(key)),
            (&format!("/announce//{KEY}"), Route::Announce(key)),
            (&format!("/announce/{KEY}/"), Route::Announce(key)),
            (&format!("//scrape//{KEY}//?a=//b"), Route::Scrape(key)),
            ("//health_check/", Route::HealthCheck),
        ] {
            assert_eq!(route(target), expected, "{target}");
        }
    }

    #[test]
    fn a_key_that_is_not_32_letters_and_digits_is_malformed() {
        for malformed in
            ["0123456789ABCDEFghijklmnopqrstu", "0123456789ABCDEFghijklmnopqrstuvw", "short", "%41"]
        {
            assert_eq!(route(&format!("/announce/{malformed}")), Route::Announce(KeyInPath::Malformed));
        }
        let underscored = "0123456789ABCDEFghijklmnopqrstu_";
        assert_eq!(route(&format!("/scrape/{underscored}")), Route::Scrape(KeyInPath::Malformed));
    }

    #[test]
    fn other_paths_are_not_found() {
        assert_eq!(route("/health_check"), Route::HealthCheck);
        for target in ["/announced", "/Announce", "/announce/a/b", "/a//announce", "/stats/a", "/x"] {
            assert_eq!(route(target), Route::NotFound, "{target}");
        }
    }

    #[test]
    fn paths_for_browsers_are_found_with_extra_slashes_and_queries() {
        for (target, path) in [
            ("/", SitePath::Root),
            ("//?a=b", SitePath::Root),
            ("http://tracker.example", SitePath::Root),
            ("/stats", SitePath::Statistics),
            ("//stats/?a", SitePath::Statistics),
            ("/stats.json", SitePath::StatisticsJson),
            ("/robots.txt", SitePath::Robots),
            ("/favicon.ico", SitePath::Favicon),
        ] {
            assert_eq!(route(target), Route::Site(path), "{target}");
        }
    }

    #[test]
    fn an_absolute_target_is_its_path_and_query() {
        let target = Target::parse(b"HTTP://tracker.example:6969/announce?a=http://b").unwrap();
        assert_eq!(target, Target { path: b"/announce", query: b"a=http://b" });
        assert_eq!(Target::parse(b"http://host?q"), Ok(Target { path: b"/", query: b"q" }));
        assert_eq!(Target::parse(b"http://host"), Ok(Target { path: b"/", query: b"" }));
    }

    #[test]
    fn an_invalid_target_is_refused() {
        for target in [b"*".as_slice(), b"host:80", b"announce", b"ftp://host/announce"] {
            assert_eq!(Target::parse(target), Err(Status::BadRequest));
        }
    }
}
