"""What is wrong with a set of images: unreadable files, duplicates, alignment."""
