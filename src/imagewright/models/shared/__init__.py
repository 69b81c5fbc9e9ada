"""What several systems of a family share."""
