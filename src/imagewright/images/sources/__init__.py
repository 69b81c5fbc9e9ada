"""Where pictures come from: each file reads one kind of source, behind the interface of `base.Source`."""
