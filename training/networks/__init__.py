"""torchvision's networks with the papers' heads, a spatial transformer, and where weights begin."""
