//! `[workers]`: the cores that the tracker uses.

use std::collections::BTreeSet;
use std::fmt;

use confique::Config;
use serde::de::{Deserialize, Deserializer, Error, Expected, SeqAccess, Unexpected, Visitor};
use serde::{Serialize, Serializer};

use crate::limits;
use crate::values::integer::between;

/// The processor cores that the tracker uses.
#[derive(Debug, Clone, PartialEq, Eq, Config, Serialize)]
pub struct Workers {
    /// The cores that the tracker uses. One worker is pinned to each, and each keeps its own share of the swarms.
    ///
    /// Allowed: "auto" (every core of the affinity mask that the process was started with) or a list of core numbers
    /// from 0 to 1023 such as [0, 2, 3], each in that mask and none twice.
    ///
    /// More cores answer more requests, provided that each is a physical core of its own. Leave out cores that are busy
    /// with the network card's interrupts or with other programs; the second hyper-thread of a core adds little. An
    /// idle worker sleeps in the kernel.
    #[config(env = "RINGTRACK_WORKERS_CORES", default = "auto")]
    pub cores: Cores,
}

/// The cores that the workers are pinned to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cores {
    /// Every core of the process's affinity mask.
    Auto,
    /// A list of at least one core, without duplicates, in the order given.
    List(Vec<usize>),
}

impl<'de> Deserialize<'de> for Cores {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(CoresVisitor)
    }
}

impl Serialize for Cores {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Auto => serializer.serialize_str("auto"),
            Self::List(cores) => cores.serialize(serializer),
        }
    }
}

struct CoresVisitor;

impl<'de> Visitor<'de> for CoresVisitor {
    type Value = Cores;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "\"auto\" or a list of different core numbers from 0 to {} such as [0, 2, 3]",
            limits::CORE_NUMBER_MAX
        )
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Cores, E> {
        match text {
            "auto" => Ok(Cores::Auto),
            _ => Err(E::invalid_value(Unexpected::Str(text), &self)),
        }
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Cores, A::Error> {
        let mut cores = Vec::new();
        let mut seen = BTreeSet::new();
        while let Some(CoreNumber(core)) = sequence.next_element()? {
            if !seen.insert(core) {
                let expected: &dyn Expected = &self;
                return Err(A::Error::custom(format_args!("core {core} occurs twice, expected {expected}")));
            }
            cores.push(core);
        }
        if cores.is_empty() {
            return Err(A::Error::invalid_length(0, &self));
        }
        Ok(Cores::List(cores))
    }
}

struct CoreNumber(usize);

impl<'de> Deserialize<'de> for CoreNumber {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        between::<0, { limits::CORE_NUMBER_MAX }, _, _>(deserializer).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{assert_refused, assert_variable_refused, load_text};

    #[test]
    fn auto_and_a_list_are_accepted() {
        assert_eq!(load_text("[workers]\ncores = \"auto\"\n").unwrap().workers.cores, Cores::Auto);
        let listed = load_text("[workers]\ncores = [1023, 0]\n").unwrap().workers.cores;
        assert_eq!(listed, Cores::List(vec![1023, 0]));
    }

    #[test]
    fn an_empty_list_and_a_duplicate_core_are_refused() {
        assert_refused("[workers]\ncores = []\n", 2, &["workers.cores", "\"auto\" or a list", "[0, 2, 3]"]);
        assert_refused(
            "[workers]\ncores = [1, 1]\n",
            2,
            &["workers.cores", "core 1 occurs twice", "[0, 2, 3]"],
        );
    }

    #[test]
    fn an_invalid_core_number_is_refused() {
        for bad in ["[1024]", "[-1]", "[\"0\"]", "[1.5]"] {
            let text = format!("[workers]\ncores = {bad}\n");
            assert_refused(&text, 2, &["workers.cores", "from 0 to 1023"]);
        }
    }

    #[test]
    fn a_single_number_is_refused_because_it_could_be_meant_as_a_count() {
        assert_refused("[workers]\ncores = 4\n", 2, &["workers.cores", "\"auto\" or a list"]);
        assert_variable_refused("RINGTRACK_WORKERS_CORES", "4", &["workers.cores", "\"auto\" or a list"]);
        assert_variable_refused("RINGTRACK_WORKERS_CORES", "all", &["workers.cores", "\"auto\" or a list"]);
    }
}
