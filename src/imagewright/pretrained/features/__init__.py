"""Networks as features: the contract, and the small ones."""
