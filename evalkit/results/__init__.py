"""Results of other programs: their layouts and encodings, into the store and out of it."""
