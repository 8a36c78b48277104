"""What the papers did to a film before a network saw it: crops, padding, channels, chance."""
