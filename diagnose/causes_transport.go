package diagnose

// transportCauses are those that the catalogue numbers with T.
func transportCauses() []Cause { return nil }
