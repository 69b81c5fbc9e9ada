"""The training doctor: measurements of a model at each report, and rules that find problems in them."""
