"""What commands and web pages show and write: sheets, images, animations, figures and their provenance records."""
