"""Pictures, and the page they go on."""
