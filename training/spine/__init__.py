"""Our own networks: landmarks first, then discs and the spine at those landmarks."""
