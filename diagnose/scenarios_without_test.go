package diagnose

// withoutScenario are the causes that no scenario of the demo cloud acts out, and
// why.
var withoutScenario = map[string]string{}
