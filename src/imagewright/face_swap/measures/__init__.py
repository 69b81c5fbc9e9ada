"""What makes a face swap good, in numbers: one file a measure, pure functions of arrays, each with its recipe."""
