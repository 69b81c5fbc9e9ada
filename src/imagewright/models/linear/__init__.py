"""Linear models, fitted in closed form in passes over a stream."""
