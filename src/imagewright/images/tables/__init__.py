"""Label tables: labels and 0/1 attributes from CSV, text and JSON files.

A table has a column of file names: `image`, `file`, `filename`, `file_name`, `name`, `path`, `image_id`, `id` ...,
else the column that names most pictures. A column `label`, `labels`, `class`, `class_name`, `category`, `target` or
`cls` has the labels. All other columns that hold only 0 and 1 (or -1 and 1, as CelebA's own list does, or true and
false) are attributes. A single other column that holds neither has the labels, unless it holds captions or measures.
"""
