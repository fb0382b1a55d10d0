package diagnose

func localScenarios() []scenario    { return nil }
func cloudScenarios() []scenario    { return nil }
func serverScenarios() []scenario   { return nil }
func addressScenarios() []scenario  { return nil }
func twoFaultScenarios() []scenario { return nil }
