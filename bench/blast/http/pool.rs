use super::link::Link;
use crate::cli::Options;
use crate::population::Population;
use std::collections::VecDeque;

/// Creates the links of a thread, and lists those of each target. Kept connections use all sources in turn, over
/// all threads.
pub(crate) fn links(
    options: &Options,
    populations: &[Population],
    thread: usize,
) -> (Vec<Link>, Vec<VecDeque<u16>>) {
    let mut links = Vec::new();
    let of_target = |(target, population): (usize, &Population)| {
        let first = thread * usize::from(options.connections);
        let numbers = (first..first + usize::from(options.connections)).map(|place| {
            let source = u32::try_from(place).unwrap_or(0) % population.sources();
            links.push(Link::new(target, source));
            u16::try_from(links.len() - 1).expect("the command line limits the connections")
        });
        numbers.collect()
    };
    let free = populations.iter().enumerate().map(of_target).collect();
    (links, free)
}
