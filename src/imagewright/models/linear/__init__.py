"""Linear models: closed forms, fitted in streams."""
