/// Declares an enum whose variants are figures, grouped by their metrics. A metric has its help in the comment before it,
/// and its kind and unit follow from its name. A figure has its name in the log, and its labels.
macro_rules! figures {
    ($(#[$meta:meta])* $vis:vis enum $type:ident {
        $(#[doc = $help:literal] $metric:ident {
            $($(#[doc = $doc:literal])* $variant:ident = $name:literal
                $([$($label:ident: $value:literal),+])?,)+
        })+
    }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        $vis enum $type {
            $($(#[doc = $help] #[doc = ""] $(#[doc = $doc])* $variant,)+)+
        }

        impl $type {
            /// All values, in the order of their declarations.
            pub const ALL: [Self; Self::DECLARED.len()] = [$($(Self::$variant),+),+];

            pub(crate) const DECLARED: &[$crate::figure::Declaration] = &[$($($crate::figure::Declaration {
                name: $name,
                metric: $crate::figure::Metric { name: stringify!($metric), help: $help.trim_ascii() },
                labels: &[$($((stringify!($label), $value)),+)?],
            }),+),+];

            /// Returns the declaration.
            #[must_use]
            pub fn figure(self) -> $crate::Figure {
                $crate::Figure::of(&Self::DECLARED[self as usize])
            }
        }
    };
}

/// Declares an enum whose variants are outcomes of requests: their names in the log, and their labels.
macro_rules! outcomes {
    ($(#[$meta:meta])* $vis:vis enum $type:ident {
        $($(#[doc = $doc:literal])* $variant:ident = $name:literal [$($label:ident: $value:literal),+],)+
    }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        $vis enum $type {
            $($(#[doc = $doc])* $variant,)+
        }

        impl $type {
            /// All values, in the order of their declarations.
            pub const ALL: [Self; Self::DECLARED.len()] = [$(Self::$variant),+];

            pub(crate) const DECLARED: &[$crate::figure::OutcomeLabels] = &[$($crate::figure::OutcomeLabels {
                name: $name,
                labels: &[$((stringify!($label), $value)),+],
            }),+];
        }
    };
}

pub(crate) use {figures, outcomes};
