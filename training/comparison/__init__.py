"""Two runs on the same films: which ranks better, which calls better, and how sure that is."""
