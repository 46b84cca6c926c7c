//! Integration tests: mostly whole commands through the compiled program.

mod bad_input;
mod fitted_world;
mod fuzz;
mod own_data;
mod pipeline;
mod score;
mod shop;
mod tidy;
mod worlds;
