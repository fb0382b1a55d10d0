package diagnose

// serverCauses are those that the catalogue numbers with S.
func serverCauses() []Cause { return nil }
