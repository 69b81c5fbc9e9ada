"""Statistics that models, analysis and metrics share: moments, spectra, Gaussians, neighbours."""
