"""Network parts that several trackers share. Entry names follow the authors' files."""
