//! Views of file systems in memory.
mod hidden;
mod hostile;
mod limits;
mod model;
mod said;
mod world;
