"""What commands and pages write: images, sheets, figures, videos, provenance."""
