"""Fixed networks that others need: where their weights come from, hash, licence, and what is done to pictures first."""
