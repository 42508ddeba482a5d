use crate::kind::Kind;
use std::str::FromStr;

/// Weights of the kinds of requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Mix {
    pub(crate) connect: u32,
    pub(crate) announce: u32,
    pub(crate) scrape: u32,
}

impl Mix {
    pub(crate) const fn total(self) -> u32 {
        self.connect + self.announce + self.scrape
    }

    /// Returns the mix for a protocol without connects.
    pub(crate) const fn without_connects(self) -> Self {
        Self { connect: 0, ..self }
    }

    /// Chooses a kind by weight. One weight must be above 0.
    pub(crate) fn choose(self, rng: &mut fastrand::Rng) -> Kind {
        let place = rng.u32(0..self.total());
        if place < self.connect {
            Kind::Connect
        } else if place < self.connect + self.announce {
            Kind::Announce
        } else {
            Kind::Scrape
        }
    }
}

impl FromStr for Mix {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let weights: Result<Vec<u32>, _> = text.split('/').map(str::parse).collect();
        match weights.as_deref() {
            Ok(&[connect, announce, scrape]) if connect.max(announce).max(scrape) <= 1_000_000 => {
                let mix = Self { connect, announce, scrape };
                if mix.total() == 0 { Err("at least one weight must be above 0".to_owned()) } else { Ok(mix) }
            }
            _ => Err("three whole numbers up to 1000000, such as 25/72/3".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mix_is_three_weights() {
        assert_eq!("25/72/3".parse(), Ok(Mix { connect: 25, announce: 72, scrape: 3 }));
        for wrong in ["", "1/2", "0/0/0", "1/2/3/4", "1/-2/3", "1/2/3000000"] {
            assert!(wrong.parse::<Mix>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_kind_without_a_weight_is_never_chosen() {
        let mix = Mix { connect: 9, announce: 1, scrape: 1 }.without_connects();
        let mut rng = fastrand::Rng::with_seed(1);
        let chosen: Vec<_> = (0..100).map(|_| mix.choose(&mut rng)).collect();
        assert!(!chosen.contains(&Kind::Connect), "{chosen:?}");
        assert!(chosen.contains(&Kind::Announce) && chosen.contains(&Kind::Scrape), "{chosen:?}");
    }
}
