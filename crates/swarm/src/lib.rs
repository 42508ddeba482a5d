//! The swarms of one shard: announce, scrape, expire, choose peers.
