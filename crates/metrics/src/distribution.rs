/// A histogram of values by fixed boundaries.
#[derive(Debug, Clone, PartialEq)]
pub struct Distribution {
    /// The number of values at or below each boundary, in ascending order.
    pub buckets: Vec<(f64, u64)>,
    /// The number of all values.
    pub count: u64,
    /// The sum of all values.
    pub sum: f64,
}

impl Distribution {
    /// Returns the distribution of values that have been counted between the boundaries. The last count is of those above
    /// all of them.
    #[must_use]
    pub fn of_counts(boundaries: &[f64], counts: &[u64], sum: f64) -> Self {
        let mut count = 0;
        let cumulative = boundaries.iter().zip(counts).map(|(&boundary, &values)| {
            count += values;
            (boundary, count)
        });
        let buckets = cumulative.collect();
        Self { buckets, count: counts.iter().sum(), sum }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_has_all_values_up_to_its_boundary() {
        let distribution = Distribution::of_counts(&[1.0, 2.0, 4.0], &[5, 0, 2, 1], 17.0);
        assert_eq!(distribution.buckets, [(1.0, 5), (2.0, 5), (4.0, 7)]);
        assert_eq!((distribution.count, distribution.sum), (8, 17.0));
    }
}
