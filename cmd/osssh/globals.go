package main

import (
	"fmt"
	"strings"

	"github.com/urfave/cli/v2"
)

// globals are the flags that every command takes.
type globals struct {
	cloud, region, project, iface string
	source                        string
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
	case "source":
		return &g.source
	}
	return nil
}

// toggle gives where a long flag that takes no value goes, nil where there is none.
func (g *globals) toggle(name string) *bool {
	switch name {
	case "all-clouds":
		return &g.allClouds
	case "debug":
		return &g.debug
	case "no-cache":
		return &g.noCache
	}
	return nil
}

// takeLong reads the long flag at the front of words and gives what follows it.
// word and toggle give where a flag of that name goes.
func takeLong(words []string, word func(string) *string, toggle func(string) *bool) ([]string, error) {
	name, value, given := strings.Cut(strings.TrimPrefix(words[0], "--"), "=")
	words = words[1:]
	if target := word(name); target != nil {
		if !given {
			if len(words) == 0 {
				return nil, &usageError{fmt.Sprintf("flag --%s needs a word", name)}
			}
			value, words = words[0], words[1:]
		}
		*target = value
		return words, nil
	}
	target := toggle(name)
	if target == nil || given {
		return nil, &usageError{fmt.Sprintf("unknown flag --%s", name)}
	}
	*target = true
	return words, nil
}

// has says whether a long flag is a global one.
func (g *globals) has(word string) bool {
	name, _, _ := strings.Cut(strings.TrimPrefix(word, "--"), "=")
	return g.word(name) != nil || g.toggle(name) != nil
}

// leading takes the global flags that stand before the first word, and -q. What
// is left begins with that word, or with a flag that is not global.
func (g *globals) leading(words []string) ([]string, error) {
	for len(words) > 0 {
		switch word := words[0]; {
		case word == "-q":
			g.quiet = true
			words = words[1:]
		case word == "--" || word == "--help" || word == "--version" || !strings.HasPrefix(word, "--") || !g.has(word):
			return words, nil
		default:
			var err error
			if words, err = takeLong(words, g.word, g.toggle); err != nil {
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
		&cli.StringFlag{Name: "source", Usage: "this machine's address as instances see it (OSSSH_SOURCE)", Destination: &g.source, Value: g.source, DefaultText: " "},
		&cli.BoolFlag{Name: "debug", Usage: "show steps and API calls", Destination: &g.debug, Value: g.debug, DisableDefaultText: true},
		&cli.BoolFlag{Name: "no-cache", Usage: "remember nothing, use nothing remembered (OSSSH_NO_CACHE=1)", Destination: &g.noCache, Value: g.noCache, DisableDefaultText: true},
		&cli.BoolFlag{Name: "q", Usage: "say nothing but results", Destination: &g.quiet, Value: g.quiet, DisableDefaultText: true},
	}
}
