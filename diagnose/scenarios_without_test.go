package diagnose

// withoutScenario are the causes that no scenario of the demo cloud acts out, and
// why.
var withoutScenario = map[string]string{
	"A8": "all addresses of the demo are loopback's, none a private network's: acted out on the real cloud",
}
