package diagnose

func groupScenarios() []scenario {
	blocked := func(s *stage) { s.request.Name = "blocked" }
	return []scenario{
		{cause: "G2", name: "ping only", breaks: blocked, mends: runFix},
		{cause: "G3", name: "another prefix", breaks: func(s *stage) { s.request.Name = "wrongcidr" }, mends: runFix},
	}
}
