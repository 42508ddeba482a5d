use super::json::{Members, binary};
use super::message::{Counts, Message};
use crate::verify::{Expectations, Verdict};

/// Returns the verdict on a response.
pub(crate) fn judge<'a>(expectations: &Expectations, message: &Message<'a>) -> Verdict<'a> {
    let fault = || match *message {
        Message::Announced { seeders, leechers, .. } => expectations.fault_of_counts(seeders, leechers),
        Message::Scraped(files) => fault_of_scrape(expectations, files).err(),
        Message::Passed(_) | Message::Failed { .. } => None,
    };
    match message {
        Message::Failed { reason, .. } => Verdict::Error(reason.as_bytes()),
        _ => expectations.verdict(fault, 0),
    }
}

/// A torrent may be in a scrape twice, but is in its response once.
fn fault_of_scrape(expectations: &Expectations, files: &str) -> Result<(), &'static str> {
    let mut files = Members::of(files).ok_or("no files")?;
    let mut left = expectations.scrape_hashes;
    while let Some((info_hash, file)) = files.next()? {
        binary(info_hash).ok_or("a file whose name is no info hash")?;
        left = left.checked_sub(1).ok_or("scrape of another length")?;
        let (seeders, leechers) = counts(file)?.ok_or("a file without its counts")?;
        expectations.fault_of_counts(seeders, leechers).map_or(Ok(()), Err)?;
    }
    Ok(())
}

/// Returns seeders and leechers, if there are all counts.
fn counts(file: &str) -> Result<Option<(u64, u64)>, &'static str> {
    let (mut counts, mut members) = (Counts::default(), Members::of(file).ok_or("a file that is no object")?);
    while let Some((name, value)) = members.next()? {
        counts.note(name, value);
    }
    Ok(counts.downloaded.and(counts.seeders.zip(counts.leechers)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::Options;
    use clap::Parser;

    #[test]
    fn a_scrape_has_the_counts_of_no_more_torrents_than_requested() {
        let options = Options::parse_from(["ringtrack-blast", "--target", "ws://127.0.0.1:1", "--verify"]);
        let expectations = Expectations::new(&options, options.target[0].address);
        let file = |name: char, counts: &str| format!(r#""{}":{counts}"#, name.to_string().repeat(20));
        let right = r#"{"complete":1,"downloaded":0,"incomplete":2}"#;
        for (files, verdict) in [
            (String::new(), Verdict::Right { peers: 0 }),
            (file('a', right), Verdict::Right { peers: 0 }),
            ([file('a', right), file('b', right)].join(","), Verdict::Wrong("scrape of another length")),
            (file('a', r#"{"complete":1,"incomplete":2}"#), Verdict::Wrong("a file without its counts")),
            (file('a', "[]"), Verdict::Wrong("a file that is no object")),
            (r#""a":{}"#.to_owned(), Verdict::Wrong("a file whose name is no info hash")),
            (file('a', &right.replace('1', "65")), Verdict::Wrong("counts above all peers announced")),
        ] {
            assert_eq!(judge(&expectations, &Message::Scraped(&format!("{{{files}}}"))), verdict, "{files}");
        }
    }
}
