//! Clients and stored data while the database hangs, crashes, fills up or is edited by others, and when the tracker is
//! killed or stopped under load. All with the real program.

mod api;
mod by_hand;
pub(crate) mod full_disk;
mod kills;
mod load;
mod outages;
mod panics;
mod scene;
mod starts;
mod stops;
