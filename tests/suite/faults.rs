//! What becomes of clients and of what is stored when the database hangs, crashes, fills up or is edited by others, and
//! when the tracker is killed or stopped in the midst of its work. All with the real program.

mod api;
mod by_hand;
mod full_disk;
mod kills;
mod load;
mod outages;
mod panics;
mod scene;
mod starts;
mod stops;
