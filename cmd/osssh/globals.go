package main

import (
	"fmt"
	"strings"

	"github.com/urfave/cli/v2"
)

// globals are the flags that every command takes.
type globals struct {
	cloud, region, project, iface string
	allClouds                     bool
	debug, noCache, quiet         bool
}

// word gives where the value of a long flag goes, nil where it takes none.
func (g *globals) word(name string) *string {
	switch name {
	case "os-cloud":
		return &g.cloud
	case "os-region-name":
		return &g.region
	case "os-project-name":
		return &g.project
	case "os-interface":
		return &g.iface
	}
	return nil
}

// take reads the long flag at the front of words and gives what follows it.
func (g *globals) take(words []string) ([]string, error) {
	name, value, given := strings.Cut(strings.TrimPrefix(words[0], "--"), "=")
	words = words[1:]
	if target := g.word(name); target != nil {
		if !given {
			if len(words) == 0 {
				return nil, &usageError{fmt.Sprintf("flag --%s needs a word", name)}
			}
			value, words = words[0], words[1:]
		}
		*target = value
		return words, nil
	}
	switch {
	case name == "all-clouds" && !given:
		g.allClouds = true
	case name == "debug" && !given:
		g.debug = true
	case name == "no-cache" && !given:
		g.noCache = true
	default:
		return nil, &usageError{fmt.Sprintf("unknown flag --%s", name)}
	}
	return words, nil
}

// leading takes the global flags that stand before the first word, and -q. What
// is left begins with that word, or with a flag that is not global.
func (g *globals) leading(words []string) ([]string, error) {
	for len(words) > 0 {
		switch word := words[0]; {
		case word == "-q":
			g.quiet = true
			words = words[1:]
		case word == "--" || word == "--help" || word == "--version" || !strings.HasPrefix(word, "--"):
			return words, nil
		default:
			var err error
			if words, err = g.take(words); err != nil {
				return nil, err
			}
		}
	}
	return words, nil
}

// flags are the global flags as the commands other than a login take them. They
// may stand before the command too.
func (g *globals) flags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "os-cloud", Usage: "the cloud of clouds.yaml to use (OS_CLOUD)", Destination: &g.cloud, Value: g.cloud, DefaultText: " "},
		&cli.BoolFlag{Name: "all-clouds", Usage: "every cloud of clouds.yaml, for list and to find NAME", Destination: &g.allClouds, Value: g.allClouds, DisableDefaultText: true},
		&cli.StringFlag{Name: "os-region-name", Usage: "its region (OS_REGION_NAME)", Destination: &g.region, Value: g.region, DefaultText: " "},
		&cli.StringFlag{Name: "os-project-name", Usage: "its project (OS_PROJECT_NAME)", Destination: &g.project, Value: g.project, DefaultText: " "},
		&cli.StringFlag{Name: "os-interface", Usage: "public, internal or admin (OS_INTERFACE)", Destination: &g.iface, Value: g.iface, DefaultText: " "},
		&cli.BoolFlag{Name: "debug", Usage: "show steps and API calls", Destination: &g.debug, Value: g.debug, DisableDefaultText: true},
		&cli.BoolFlag{Name: "no-cache", Usage: "remember nothing, use nothing remembered (OSSSH_NO_CACHE=1)", Destination: &g.noCache, Value: g.noCache, DisableDefaultText: true},
		&cli.BoolFlag{Name: "q", Usage: "say nothing but results", Destination: &g.quiet, Value: g.quiet, DisableDefaultText: true},
	}
}
