package diagnose

// hostKeyCauses are those that the catalogue numbers with H.
func hostKeyCauses() []Cause { return nil }
