use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use hdrhistogram::Histogram;
use hdrhistogram::serialization::Deserializer;
use hdrhistogram::serialization::interval_log::{
    IntervalLogHistogram, IntervalLogIterator, LogEntry, LogIteratorError,
};

/// The error of a latency log that cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum LatencyLogError {
    #[error("not a line of an interval log at byte {0}")]
    Line(usize),
    #[error("the histogram of {tag} cannot be read")]
    Histogram {
        tag: String,
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// Reads the histograms in lines of a log. The intervals of each tag are added up; tags stay in the order in which they
/// first appear.
///
/// # Errors
/// When a line or a histogram cannot be read.
pub fn read_latencies(lines: &[u8]) -> Result<Vec<(String, Histogram<u64>)>, LatencyLogError> {
    let mut sums: Vec<(String, Histogram<u64>)> = Vec::new();
    for entry in IntervalLogIterator::new(lines) {
        match entry {
            Ok(LogEntry::Interval(interval)) => add(&mut sums, &interval)?,
            Ok(LogEntry::StartTime(_) | LogEntry::BaseTime(_)) => {}
            Err(LogIteratorError::ParseError { offset }) => return Err(LatencyLogError::Line(offset)),
        }
    }
    Ok(sums)
}

fn add(
    sums: &mut Vec<(String, Histogram<u64>)>,
    interval: &IntervalLogHistogram<'_>,
) -> Result<(), LatencyLogError> {
    let tag = interval.tag().map_or("", |tag| tag.as_str()).to_owned();
    let unreadable = |source| LatencyLogError::Histogram { tag: tag.clone(), source };
    let histogram = decode(interval.encoded_histogram()).map_err(unreadable)?;
    match sums.iter_mut().find(|(known, _)| *known == tag) {
        Some((_, sum)) => sum.add(histogram).map_err(|error| unreadable(error.into()))?,
        None => sums.push((tag, histogram)),
    }
    Ok(())
}

fn decode(encoded: &str) -> Result<Histogram<u64>, Box<dyn std::error::Error + Send + Sync>> {
    let bytes = BASE64_STANDARD.decode(encoded)?;
    Ok(Deserializer::new().deserialize(&mut bytes.as_slice())?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_that_is_not_a_log_is_refused() {
        assert!(matches!(read_latencies(b"#fine\nnot fine\n"), Err(LatencyLogError::Line(6))));
        let error = read_latencies(b"Tag=a,0.1,1.0,2.0,bm9uZQ==\n").unwrap_err();
        assert_eq!(error.to_string(), "the histogram of a cannot be read");
    }
}
