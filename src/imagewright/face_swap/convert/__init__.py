"""Put a person's face into footage: find, choose, swap, fit and write, in parts that survive a kill."""
