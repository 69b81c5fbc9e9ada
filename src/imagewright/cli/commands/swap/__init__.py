"""`imagewright swap ...`: a file each command."""
