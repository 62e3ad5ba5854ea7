"""Examples: read from WebDataset shards, augmented, and what a frozen trunk makes of them."""
