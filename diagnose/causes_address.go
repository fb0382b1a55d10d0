package diagnose

// addressCauses are those that the catalogue numbers with A.
func addressCauses() []Cause { return nil }
