//! The typed, validated, documented configuration.
