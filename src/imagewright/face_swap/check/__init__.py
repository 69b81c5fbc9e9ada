"""`check_swap`: the measures of a swap, for any pair of videos, folders or pictures, of whatever program."""
