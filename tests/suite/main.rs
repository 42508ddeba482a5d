//! The one integration-test binary of the project.

mod command_line;
mod layers;
mod program;
mod real_clients;
