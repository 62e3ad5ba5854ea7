"""People made here: bodies, poses, clothes, light and rooms, rendered into training shards."""
