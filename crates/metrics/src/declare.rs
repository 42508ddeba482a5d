/// Declares an enum whose variants are figures, or values of a label: their names and units, and their help in comments.
macro_rules! declare {
    ($(#[$meta:meta])* $vis:vis enum $type:ident {
        $($(#[doc = $help:literal])* $variant:ident = $name:literal $(in $unit:ident)?,)+
    }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        $vis enum $type {
            $($(#[doc = $help])* $variant,)+
        }

        impl $type {
            /// All values, in the order of their declarations.
            pub const ALL: [Self; Self::DECLARED.len()] = [$(Self::$variant),+];

            pub(crate) const DECLARED: &[crate::figure::Declaration] = &[$(crate::figure::Declaration {
                name: $name,
                unit: [$(Some(crate::figure::Unit::$unit),)? None][0],
                help: concat!($($help),*).trim_ascii(),
            }),+];
        }
    };
}

pub(crate) use declare;
