use hdrhistogram::Histogram;

/// The columns after the count, and the share of the values that is at or below each.
const QUANTILES: [(&str, f64); 5] =
    [("p50_us", 0.5), ("p90_us", 0.9), ("p99_us", 0.99), ("p99.9_us", 0.999), ("max_us", 1.0)];

/// Returns a line of titles and one for each histogram, in microseconds.
pub(crate) fn percentile_table<'a>(
    histograms: impl Iterator<Item = (String, &'a Histogram<u64>)>,
) -> Vec<String> {
    let columns = QUANTILES.map(|(title, _)| format!(" {title:>11}")).concat();
    let titles = format!("{:<22} {:>12}{columns}", "tag", "count");
    let rows = histograms.map(|(tag, histogram)| row(&tag, histogram));
    std::iter::once(titles).chain(rows).collect()
}

/// Returns the value in microseconds that a share of the recorded values, in nanoseconds, is at or below.
pub(crate) fn value_us(histogram: &Histogram<u64>, quantile: f64) -> f64 {
    histogram.value_at_quantile(quantile).min(histogram.max()) as f64 / 1000.0
}

fn row(tag: &str, histogram: &Histogram<u64>) -> String {
    let columns = QUANTILES.map(|(_, quantile)| format!(" {:>11.1}", value_us(histogram, quantile))).concat();
    format!("{tag:<22} {:>12}{columns}", histogram.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_row_has_a_count_and_percentiles_in_microseconds_under_their_titles() {
        let mut histogram = Histogram::new_with_bounds(1, 60_000_000_000, 2).unwrap();
        histogram.record_n(100_000, 999).unwrap();
        histogram.record_n(2_000_000, 1).unwrap();
        let table = percentile_table([("announce-ipv4".to_owned(), &histogram)].into_iter());
        let [titles, row] = &table[..] else { panic!("{table:#?}") };
        assert_eq!(titles.len(), row.len());
        let words = |line: &str| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(words(titles), ["tag", "count", "p50_us", "p90_us", "p99_us", "p99.9_us", "max_us"]);
        let [tag, count, p50, .., max] = &words(row)[..] else { panic!("{row}") };
        assert_eq!((tag.as_str(), count.as_str()), ("announce-ipv4", "1000"));
        let [p50, max] = [p50, max].map(|cell| cell.parse::<f64>().unwrap());
        assert!((99.0..=101.0).contains(&p50) && (1980.0..=2020.0).contains(&max), "{row}");
    }
}
