"""From a stored file to gates and scores: decoding, the pixel path, networks, bundle, worker."""
