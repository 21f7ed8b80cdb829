//! Properties of the codec that hold for every stream, tried on random ones.

mod chunking;
mod generate;
mod hostile;
mod round_trip;
