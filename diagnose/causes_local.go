package diagnose

// localCauses are those that the catalogue numbers with L.
func localCauses() []Cause { return nil }
