"""What goes wrong around the node, and how soon it publishes again."""
