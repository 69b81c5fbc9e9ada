"""Feature networks: the contract, two without weight files, and networks of the user's own."""
