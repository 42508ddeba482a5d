//! Data-plane workers: one glommio executor per core that moves bytes and asks the engine.
